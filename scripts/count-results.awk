# SPDX-License-Identifier: GPL-2.0-only
#
# count-results.awk: count the results in a report in KTAP or TAP, or of pytest.
#
#     awk -f scripts/count-results.awk REPORT
#
# Prints "PASSED FAILED SKIPPED". A line that sums up indented results (a KUnit suite)
# is not a result of its own. Planned results that never came and "Bail out!" count as
# failures: nobody knows what they would have been. Several reports may follow each
# other, with the plan of each before its results. Of pytest the last line counts, such as
# "=== 1 failed, 79 passed, 2 errors in 3.21s ===".

# close_report DEPTH: no more results come at this indentation
function close_report(depth) {
	if (planned[depth] > seen[depth])
		failed += planned[depth] - seen[depth]
	delete planned[depth]
	delete seen[depth]
	delete failed_before[depth]
}

{
	sub(/\r$/, "")
	match($0, /^ */)
	depth = RLENGTH
	line = substr($0, depth + 1)
}

line ~ /^1\.\.[0-9]+/ {
	close_report(depth)
	planned[depth] = substr(line, 4) + 0
	failed_before[depth] = failed
}

line ~ /^(not )?ok( |$)/ {
	sums_up = 0
	for (inner = depth + 1; inner <= deepest; inner++) {
		if (inner in seen) {
			sums_up = 1
			close_report(inner)
		}
	}
	seen[depth]++
	if (depth > deepest)
		deepest = depth

	if (sums_up) {
		# It may have failed as a whole, with all results in it passed
		if (line ~ /^not ok/ && failed == failed_before[depth] + 0)
			failed++
	} else if (toupper(line) ~ /# *SKIP/) {
		skipped++
	} else if (line ~ /^ok/) {
		passed++
	} else {
		failed++
	}
	failed_before[depth] = failed
}

# One failure stands for all that did not run
line ~ /^Bail out!/ {
	failed++
	delete planned[0]
}

line ~ /^=+ .* in [0-9.]+s( \([0-9:]+\))? =+$/ {
	split("", pytest)
	words = split(line, word, /[ ,]+/)
	for (i = 2; i < words; i++)
		if (word[i] ~ /^[0-9]+$/)
			pytest[word[i + 1]] += word[i]
}

END {
	for (depth = 0; depth <= deepest; depth++)
		close_report(depth)
	passed += pytest["passed"]
	failed += pytest["failed"] + pytest["error"] + pytest["errors"]
	skipped += pytest["skipped"]
	print passed + 0, failed + 0, skipped + 0
}
