/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One direction of a stream between two of ours: a sender on host A, a receiver on
 * host B, the tunnel of each, control messages that get lost and frames that do.
 *
 * Names are those of drivers/thunderbolt/stream/session.c and link.c without their
 * prefix; README says what is the same and what is simpler. The script "run" checks
 * it with spin.
 *
 *   FAULTS	how many things go wrong (all at any time, in any order)
 *   SESSIONS	how many the writer opens, one after the other
 *   FRAMES	how many it writes into each at most
 *   EAGER	repeat messages at any time, not only when nothing else can happen
 */

#ifndef FAULTS
#define FAULTS		2
#endif
#ifndef SESSIONS
#define SESSIONS	2
#endif
#ifndef FRAMES
#define FRAMES		2
#endif

#define A		0
#define B		1

/* What became of each session that was really written, by its identity */
#define NOBODY		0
#define IDS		(SESSIONS + 1)
byte written[IDS];	/* frames */
byte taken[IDS];	/* frames that the receiver has, in order */
bool left[IDS];		/* its last writer has closed */
bool over[IDS];		/* the sender says how it ended */
bool believed[IDS];	/* the sender believes that it is complete */
bool ended[IDS];	/* the receiver has given its readers the end */
bool stopped[IDS];	/* or its readers have left before */
bool spoilt[IDS];	/* or a frame was missing or damaged before that */

byte faults = FAULTS;

inline forget_message()
{
	m.tunnel = 0;
	m.your_tunnel = 0;
	m.flags = 0;
	m.session = 0;
	m.bytes = 0
}

inline forget_frame()
{
	f.kind = 0;
	f.id = 0;
	f.session = 0;
	f.count = 0;
	f.aborted = false
}

/* --- Control messages (link.c) ------------------------------------------------ */

/* Of the receiver's report: flags */
#define READY		1
#define STOPPED		2
#define BROKEN		4
#define COMPLETE	8
#define JOINED		16
/* Of both: no tunnel for the moment, its sessions go on; an answer is wanted */
#define PAUSED		32
#define ASK		64

/*
 * One that is late is discarded when it comes (HEARD_STALE), like one that comes for
 * the second time: all that matters is that some are never heard. Acknowledgements
 * say that, so here a message that is lost is known to be news still. The direction
 * of the message says what "session" and "bytes" are of.
 */
typedef message {
	byte tunnel;
	byte your_tunnel;
	byte flags;
	byte session;
	byte bytes;
};
chan messages[2] = [1] of { message };

typedef link_t {
	bool news;		/* there is something to say */
	bool owes;
	byte tunnel;
	byte joined;
	byte peer_tunnel;
	bool paused;		/* the glue's: why there is no tunnel */
};
link_t link[2];
byte tunnels;			/* numbers that were used, modulo 16 */

inline tell(h)
{
	link[h].news = true
}

/* --- Sender (session.c), on A ---------------------------------------------------- */

mtype = { NONE, OPEN, ENDED };

mtype s_state = NONE;		/* sending */
byte s_id;
byte s_bytes;
byte s_confirmed;
bool s_closed;
mtype n_state = NONE;		/* next */
byte n_id;
byte s_number = 254;		/* so that it wraps around */
bool s_joined;
bool s_ready;
bool s_lags;
bool close_due;
byte c_session, c_bytes, c_id;
bool c_aborted;
byte answers;			/* that brought nothing new since all has left */

#define unborn		(s_state == ENDED && s_bytes == 0 && !s_closed)
#define sender_waits	(s_lags || s_confirmed < s_bytes || \
			 (s_state == ENDED && !unborn))

/*
 * Frames in the sender's ring and on the wire. Which of them have left the ring is
 * decided when that matters: when a tunnel goes down.
 */
#define DATA		0
#define CLOSE		1
#define DAMAGED		2
typedef frame {
	byte kind;
	byte id;
	byte session;
	byte count;		/* frames before it; of a CLOSE: in the session */
	bool aborted;
};
chan ring = [2] of { frame };

inline sender_close(aborts)
{
	c_session = s_number;
	c_bytes = (s_state == NONE -> 0 : s_bytes);
	c_id = (s_state == NONE || aborts -> NOBODY : s_id);
	c_aborted = aborts;
	close_due = true;
	s_closed = (s_state != NONE)
}

inline sender_advance()
{
	s_state = n_state;
	s_id = n_id;
	n_state = NONE;
	n_id = NOBODY;
	s_bytes = 0;
	s_confirmed = 0;
	s_closed = false
}

inline sender_resolve(complete)
{
	over[s_id] = true;
	believed[s_id] = complete;
	/* Who believes that all has arrived is right */
	assert(!complete || (left[s_id] && taken[s_id] == written[s_id] &&
			     (ended[s_id] || stopped[s_id] || written[s_id] == 0)));
	/* Nothing fails by itself, and nothing of which not a byte was written */
	assert(complete || faults < FAULTS);
	assert(complete || s_state != OPEN || s_bytes > 0);
	s_number++;
	s_ready = false;
	answers = 0;
	sender_advance()
}

inline sender_abort()
{
	if
	:: !s_closed -> sender_close(true)
	:: else
	fi;
	sender_resolve(false)
}

inline sender_lose()
{
	if
	:: s_state != NONE && s_bytes > 0 ->
		sender_resolve(false);
		tell(A)
	:: else
	fi
}

inline sender_part()
{
	s_joined = false;
	s_ready = false;
	s_lags = false;
	close_due = false;
	s_closed = false;
	answers = 0
}

inline sender_hear_present(joins)
{
	if
	:: m.bytes > s_bytes || (joins && m.bytes != s_bytes) ->
		s_ready = false;
		if
		:: s_state != NONE -> sender_abort(); tell(A)
		:: else
		fi
	:: else ->
		if
		:: m.bytes > s_confirmed ->
			assert(taken[s_id] >= m.bytes);
			s_confirmed = m.bytes;
			answers = 0
		:: else
		fi;
		if
		:: (m.flags & (STOPPED | BROKEN)) && s_bytes == 0 && !s_closed ->
			/* Nobody has written anything for that reader */
			sender_close(true);
			s_number++;
			s_ready = false;
			s_closed = false;
			tell(A)
		:: (m.flags & (STOPPED | BROKEN)) && !(s_bytes == 0 && !s_closed) ->
			/* A reader who has had enough is not the reason of an error */
			assert(!(m.flags & STOPPED) || !spoilt[s_id]);
			if
			:: s_state == ENDED && (m.flags & STOPPED) && m.bytes == s_bytes ->
				if
				:: !s_closed -> sender_close(false)
				:: else
				fi;
				sender_resolve(true)
			:: else -> sender_abort()
			fi;
			tell(A)
		:: else ->
			s_ready = ((m.flags & READY) != 0);
			if
			:: s_ready && s_state == ENDED && !s_closed ->
				sender_close(false);
				tell(A)
			:: else
			fi
		fi
	fi
}

/* ahead > 0 modulo 256, as session.c does it modulo 2^32 */
#define is_ahead(x, y)	((x) != (y) && (((x) - (y)) & 255) < 128)

inline sender_hear()
{
	if
	:: !(m.flags & JOINED)
	:: else ->
		joins_now = !s_joined;
		s_joined = true;
		if
		:: is_ahead(m.session, s_number) ->
			if
			:: s_state == ENDED || (s_state == OPEN && s_bytes > 0) ->
				complete_now = (m.session == ((s_number + 1) & 255) &&
						s_state == ENDED &&
						(m.flags & COMPLETE) != 0);
				sender_resolve(complete_now);
				complete_now = false;
				tell(A)
			:: else
			fi;
			s_number = m.session
		:: else
		fi;
		s_lags = (m.session != s_number);
		if
		:: s_lags -> s_ready = false
		:: else -> sender_hear_present(joins_now)
		fi;
		joins_now = false;
		/* The driver's stall rule counts seconds with answers instead */
		if
		:: sender_waits && !close_due && len(ring) == 0 ->
			answers++
		:: else -> answers = 0
		fi
	fi
}

inline sender_deserted()
{
	sender_part();
	if
	:: s_state != NONE && s_bytes > 0 ->
		complete_now = (s_state == ENDED && m.session == ((s_number + 1) & 255) &&
				(m.flags & COMPLETE) != 0);
		sender_resolve(complete_now);
		complete_now = false;
		tell(A)
	:: else
	fi
}

/* --- Receiver (session.c), on B --------------------------------------------------- */

mtype = { IDLE, IS_READY, IS_STOPPED, IS_BROKEN };

mtype r_state = IDLE;
byte r_number;
byte r_frames;
bool r_fresh = true;
bool r_joined;
bool r_asked;
bool r_complete;
bool r_spoilt;
byte r_id;			/* whose frames these are */
bool unread;			/* an end or an error that was not read yet */

inline receiver_expect(number, was_complete)
{
	r_state = IDLE;
	r_number = number;
	r_complete = was_complete;
	r_spoilt = false;
	r_frames = 0;
	r_id = NOBODY
}

inline receiver_ask()
{
	r_asked = true;
	if
	:: r_joined && r_state == IDLE -> r_state = IS_READY; tell(B)
	:: else
	fi
}

inline receiver_stop()
{
	r_asked = false;
	if
	:: r_state == IS_READY || r_state == IS_BROKEN ->
		stopped[r_id] = true;
		r_spoilt = (r_state == IS_BROKEN);
		r_state = IS_STOPPED;
		tell(B)
	:: else
	fi
}

inline receiver_skip(number, was_complete)
{
	receiver_expect(number, was_complete);
	if
	:: r_asked -> r_state = IS_READY
	:: else
	fi
}

inline receiver_end(number, was_complete)
{
	assert(!unread);
	receiver_expect(number, was_complete);
	r_asked = false;
	unread = true
}

/* receiver_data(), receiver_broken() and receiver_close() */
inline receiver_frame()
{
	if
	:: !r_joined || r_state == IDLE
	:: else ->
		if
		:: f.kind == DATA && r_state == IS_READY ->
			if
			:: f.count == r_frames ->
				/* What readers get is the beginning of one session */
				assert(r_id == f.id || (r_id == NOBODY && f.count == 0));
				assert(!unread);
				r_id = f.id;
				r_frames++;
				taken[f.id] = r_frames
			:: else ->
				assert(!unread);
				r_state = IS_BROKEN;
				spoilt[r_id] = true;
				r_asked = false;
				unread = true;
				tell(B)
			fi
		:: f.kind == DATA + DAMAGED && r_state == IS_READY ->
			assert(!unread);
			r_state = IS_BROKEN;
			spoilt[r_id] = true;
			r_asked = false;
			unread = true;
			tell(B)
		:: f.kind == CLOSE + DAMAGED ->
			tell(B);
			if
			:: r_state == IS_READY -> receiver_end(r_number + 1, false)
			:: else -> receiver_skip(r_number + 1, false)
			fi
		:: f.kind == CLOSE && !is_ahead(r_number, f.session) ->
			tell(B);
			whole_now = (f.session == r_number && !f.aborted &&
				     f.count == r_frames);
			if
			:: r_state == IS_READY ->
				if
				:: whole_now ->
					/* EOF stands behind the last byte */
					assert(f.id != NOBODY && left[f.id] &&
					       written[f.id] == r_frames &&
					       (r_id == f.id || r_frames == 0));
					ended[f.id] = true
				:: else
				fi;
				receiver_end(f.session + 1, whole_now)
			:: else ->
				whole_now = (whole_now && r_state == IS_STOPPED && !r_spoilt);
				receiver_skip(f.session + 1, whole_now)
			fi;
			whole_now = false
		:: else
		fi
	fi
}

inline receiver_tear(number)
{
	if
	:: r_state == IS_READY ->
		assert(!unread);
		unread = true;
		receiver_expect(number, false);
		r_asked = false
	:: else -> receiver_expect(number, false)
	fi;
	tell(B)
}

inline receiver_join()
{
	r_joined = true;
	if
	:: r_state == IS_READY && r_frames == 0 -> r_state = IDLE
	:: (r_state == IS_READY && r_frames > 0 &&
	    (m.session != r_number || m.bytes != r_frames)) ||
	   ((r_state == IS_STOPPED || r_state == IS_BROKEN) && m.session != r_number) ->
		if
		:: is_ahead(m.session, r_number) -> receiver_tear(m.session)
		:: else -> receiver_tear(r_number + 1)
		fi
	:: else
	fi;
	if
	:: r_state == IDLE ->
		if
		:: r_fresh || ((m.session + 1) & 255) != r_number -> r_number = m.session
		:: else
		fi;
		r_fresh = false;
		if
		:: r_asked -> r_state = IS_READY
		:: else
		fi
	:: else
	fi;
	tell(B)
}

inline receiver_hear(joins)
{
	if
	:: joins -> receiver_join()
	:: else
	fi;
	if
	:: r_state == IDLE && is_ahead(m.session, r_number) ->
		receiver_expect(m.session, false);
		tell(B)
	:: else
	fi
}

inline receiver_deserted()
{
	r_joined = false;
	if
	:: r_state == IDLE
	:: r_state == IS_READY && r_frames == 0 -> r_state = IDLE
	:: else -> receiver_tear(r_number + 1)
	fi
}

/* --- Glue: what the driver does around both --------------------------------------- */

inline part(h)
{
	if
	:: h == A -> sender_part()
	:: else -> r_joined = false
	fi
}

inline desert(h)
{
	if
	:: h == A -> sender_deserted()
	:: else -> receiver_deserted()
	fi
}

/*
 * What is on the wire has arrived by now, or never will. At the sender's end the rest
 * is withdrawn from the ring; at the receiver's it waits there for the next tunnel.
 */
inline down(h)
{
	part(h);
	do
	:: len(ring) > 0 -> ring?f	/* lost on the wire */
	:: break
	od;
	withdrawn_now = false;
	do
	:: h == A && len(ring) > 0 ->
		ring?f;
		withdrawn_now = (withdrawn_now || ((f.kind & CLOSE) == 0 &&
						   s_state != NONE && f.id == s_id))
	:: else -> break
	od;
	if
	:: withdrawn_now -> sender_lose()
	:: else
	fi;
	withdrawn_now = false;
	link[h].tunnel = 0;
	link[h].joined = 0;
	link[h].paused = true;
	forget_frame();
	tell(h)
}

/* A tunnel ends, and its sessions with it: the device is removed or nobody has it open */
inline end_sender()
{
	down(A);
	link[A].paused = false;
	sender_lose();
	over[s_id] = true;
	over[n_id] = true;
	n_state = NONE;
	n_id = NOBODY;
	sender_advance()
}

inline end_receiver()
{
	down(B);
	link[B].paused = false;
	stopped[r_id] = true;
	receiver_deserted();
	r_asked = false;
	unread = false
}

inline up(h)
{
	tunnels = tunnels % 15 + 1;
	link[h].tunnel = tunnels;
	link[h].joined = 0;
	link[h].paused = false;
	tell(h)
}

inline send(h, asks)
{
	m.tunnel = link[h].tunnel;
	m.your_tunnel = link[h].peer_tunnel;
	m.flags = (asks -> ASK : 0) | (link[h].paused -> PAUSED : 0);
	if
	:: h == A ->
		m.session = s_number;
		m.bytes = (s_state == NONE -> 0 : s_bytes)
	:: else ->
		m.session = r_number;
		m.bytes = r_frames;
		m.flags = m.flags |
			  (r_joined -> JOINED : 0) |
			  (r_complete -> COMPLETE : 0) |
			  (r_state == IS_READY && r_joined -> READY : 0) |
			  (r_state == IS_STOPPED && !r_spoilt -> STOPPED : 0) |
			  (r_state == IS_BROKEN || r_spoilt -> BROKEN : 0)
	fi;
	link[h].news = false;
	link[h].owes = false;
	messages[h]!m;
	forget_message()
}

/* link_hear(), and what the driver does then */
inline hear(h)
{
	if
	:: m.flags & ASK -> link[h].owes = true
	:: else
	fi;
	was_joined_now = (link[h].tunnel && link[h].joined &&
			  link[h].joined == link[h].peer_tunnel);
	if
	:: m.tunnel != link[h].peer_tunnel ->
		link[h].peer_tunnel = m.tunnel;
		tell(h);
		if
		:: link[h].tunnel && link[h].joined && m.tunnel ->
			/* REPLACED */
			down(h);
			heard_now = true
		:: else ->
			if
			:: was_joined_now ->
				/* GONE */
				if
				:: m.flags & PAUSED -> part(h)
				:: else -> desert(h)
				fi;
				heard_now = true
			:: else
			fi
		fi
	:: else
	fi;
	if
	:: heard_now || !link[h].tunnel || !m.tunnel ||
	   link[h].tunnel != m.your_tunnel		/* APART */
	:: else ->
		/* JOINS or JOINED */
		joins_link_now = (link[h].joined == 0);
		link[h].joined = m.tunnel;
		if
		:: h == B -> receiver_hear(joins_link_now)
		:: else -> sender_hear()
		fi;
		joins_link_now = false
	fi;
	heard_now = false;
	was_joined_now = false;
	forget_message()
}

/* Within one step only, and the same in every state between */
message m;
frame f;
bool joins_now, complete_now, whole_now, withdrawn_now, heard_now, was_joined_now;
bool joins_link_now;

/* --- Processes ----------------------------------------------------------------------- */

/* Control messages of a host: what is new, and answers, at once; questions again */
active [2] proctype Messages()
{
end:	do
	:: d_step { len(messages[_pid]) == 0 && link[_pid].news -> send(_pid, true) }
	:: d_step { len(messages[_pid]) == 0 && !link[_pid].news && link[_pid].owes ->
		send(_pid, false) }
#ifdef EAGER
	:: d_step { len(messages[_pid]) == 0 && _pid == A && sender_waits ->
		send(_pid, true) }
#else
	:: timeout && len(messages[_pid]) == 0 && _pid == A && sender_waits ->
		d_step { send(_pid, true) }
#endif
	:: atomic { len(messages[1 - _pid]) > 0 ->
		messages[1 - _pid]?m;
		hear(_pid) }
	od
}

active proctype Tunnels()
{
end:	do
	:: d_step { link[A].tunnel == 0 -> up(A) }
	:: d_step { link[B].tunnel == 0 -> up(B) }
	/* The stall rule: all has left, the peer answers, and it does not get more */
	:: atomic { answers >= 2 && link[A].tunnel ->
		sender_lose();
		down(A) }
	od
}

active proctype Frames()
{
end:	do
	:: d_step { close_due && link[A].tunnel && len(ring) < 2 ->
		f.kind = CLOSE;
		f.id = c_id;
		f.session = c_session;
		f.count = c_bytes;
		f.aborted = c_aborted;
		close_due = false;
		ring!f;
		forget_frame() }
	:: d_step { len(ring) > 0 && link[A].tunnel && link[B].tunnel ->
		ring?f;
		receiver_frame();
		forget_frame() }
	od
}

byte opened;
bool writer_done;

active proctype Writer()
{
	byte id, frames;

	do
	:: opened < SESSIONS && n_state == NONE ->
		d_step {
			opened++;
			id = opened;
			if
			:: s_state == NONE ->
				s_state = OPEN;
				s_id = id
			:: s_state == ENDED && unborn ->
				/* An end of nothing gives way: the same session goes on */
				s_state = OPEN;
				over[id] = true;
				id = s_id;
				left[id] = false
			:: s_state == ENDED && !unborn ->
				n_state = OPEN;
				n_id = id
			fi;
			frames = 0
		};
		do
		:: d_step { frames < FRAMES && s_state == OPEN && s_id == id && s_joined &&
			    s_ready && !close_due && len(ring) < 2 ->
			f.kind = DATA;
			f.id = id;
			f.session = s_number;
			f.count = s_bytes;
			f.aborted = false;
			s_bytes++;
			written[id]++;
			frames++;
			ring!f;
		forget_frame() }
		/* It gets an error, or has written all it wanted, or was killed */
		:: d_step { true ->
			left[id] = true;
			if
			:: s_state == OPEN && s_id == id ->
				s_state = ENDED;
				if
				:: s_joined && s_ready -> sender_close(false); tell(A)
				:: else
				fi
			:: n_state == OPEN && n_id == id -> n_state = ENDED
			:: else
			fi };
			break
		od
	:: opened == SESSIONS -> break
	od;
	writer_done = true
}

active proctype Reader()
{
end:	do
	:: d_step { unread -> unread = false }
	:: d_step { !unread && !r_asked -> receiver_ask() }
	od
}

/* Everything that goes wrong, in any order, at any time */
active proctype Trouble()
{
end:	do
	:: atomic { faults > 0 && len(messages[A]) > 0 ->
		faults--; messages[A]?m; forget_message(); tell(A) }
	:: atomic { faults > 0 && len(messages[B]) > 0 ->
		faults--; messages[B]?m; forget_message(); tell(B) }
	:: atomic { faults > 0 && len(ring) > 0 ->
		faults--; ring?f; forget_frame() }
	:: atomic { faults > 0 && len(ring) > 0 && link[A].tunnel && link[B].tunnel ->
		faults--; ring?f; f.kind = f.kind | DAMAGED; receiver_frame();
		forget_frame() }
	:: atomic { faults > 0 && link[A].tunnel -> faults--; down(A) }
	:: atomic { faults > 0 && link[B].tunnel -> faults--; down(B) }
	:: atomic { faults > 0 && link[A].tunnel -> faults--; end_sender() }
	:: atomic { faults > 0 && link[B].tunnel -> faults--; end_receiver() }
	/* The last reader closes; what was unread is gone */
	:: atomic { faults > 0 && r_asked -> faults--; receiver_stop(); unread = false }
	/* The receiving host forgets everything */
	:: atomic { faults > 0 ->
		faults--;
		end_receiver();
		link[B].peer_tunnel = 0;
		receiver_expect(0, false);
		r_fresh = true }
	od
}

#define done	(writer_done && s_state == NONE && n_state == NONE)

/* Whatever happens, every session comes to its end */
ltl ends { <> done }
