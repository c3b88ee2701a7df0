# SPDX-License-Identifier: GPL-2.0-only
#
# ktap-sum.awk: count the results in a KTAP or TAP report.
#
#     awk -f scripts/ktap-sum.awk REPORT
#
# Prints "PASSED FAILED SKIPPED". A line that sums up indented results (a KUnit suite)
# is not a result of its own. Planned results that never came and "Bail out!" count as
# failures: nobody knows what they would have been. Several reports may follow each
# other, with the plan of each before its results.

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

END {
	for (depth = 0; depth <= deepest; depth++)
		close_report(depth)
	print passed + 0, failed + 0, skipped + 0
}
