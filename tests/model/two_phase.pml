/* The two-phase release: prepare everywhere, decide durably, switch everywhere, verify, or undo everywhere.
 *
 * What may happen: a coordinator crashes between any two actions and starts again; it is paused for any time while a
 * second one takes over (COORDS 2), so what it sends may come late; requests and replies are lost; a server's prepare,
 * switch or verification always fails; releases are collected at any moment. Targets refuse older fencing tokens. The
 * run's record is written by compare-and-set. A lease may be deleted and made again (DELETIONS), and servers may have
 * seen a number of which no record is left (FORGOTTEN): who still holds the lease raises its number above that one.
 *
 * Each ERR_... is a design error that the properties must find; run.py says which. Everything durable is global, what a
 * crash forgets is local.
 */
#ifndef N
#define N 3 /* servers */
#endif
#ifndef CR
#define CR 2 /* crashes */
#endif
#ifndef COORDS
#define COORDS 2
#endif
#ifndef REMOVALS
#define REMOVALS 1 /* releases that retention may remove */
#endif
#ifndef DELETIONS
#define DELETIONS 0 /* leases that a person deletes; not between an acquisition and its claim of the record */
#endif
#ifndef FORGOTTEN
#define FORGOTTEN 0 /* the number that a server may have seen before */
#endif
#ifndef FAULTY
#define FAULTY 1 /* servers on which something always fails */
#endif

mtype = { idle, preparing, committed, undoing, aborted, completed, rolledBack }

/* Durable. */
mtype journal = idle; /* the run's record */
mtype status = idle;  /* what the API reports */
byte owner = 0;       /* the token of who wrote the record last: taking over is a write of its own */
byte lease = 0;       /* the newest fencing token */
#if DELETIONS || FORGOTTEN
#define TERMS
byte holder = 0;      /* of the lease: which acquisition */
#endif

/* On the servers, durable; a bit for each. Live: current is the new release and previous the old one; else current is
 * the old one and previous the older one. */
#define BIT(t) (1 << (t))
#define ALL ((1 << N) - 1)
byte live = 0;
byte hasNew = 0;
byte hasOld = ALL;
byte hasOlder = ALL;
byte fence[N];

/* Servers on which it always fails. */
byte badPrepare = 0;
byte badSwitch = 0;
byte badVerify = 0;

/* Of the proof. */
byte crashes = 0;
byte removed = 0;
byte ended = 0;
#ifdef TERMS
byte deletions = 0;
byte terms = 0;  /* acquisitions of the lease: what tokens stand for */
byte acted[N];   /* the newest term of which the server took an effect */
#define TERM term
#else
#define TERM token
#endif
byte undoneBy = 0; /* the token that undid first; a coordinator that it replaced may be late */
hidden byte g;
hidden byte k;
hidden byte gated;         /* something is live only when every server was prepared */
hidden byte honest;        /* "Completed": all on the new version, and verified */
hidden byte allOrNothing;  /* "Aborted" and "RolledBack": none is */
hidden byte decidedOnce;   /* decisions are made once and in order */
hidden byte fenced;        /* no effect of a coordinator that was replaced */
hidden byte onlyUndo;      /* who knows of an undo switches nothing forward */
hidden byte noDangling;    /* current and previous are always there */
hidden byte planKept;      /* what an open run needs is there when it needs it */
hidden byte runEnds;       /* when nobody is at work, the run has ended and says so */

#define TERMINAL(j) (j == aborted || j == completed || j == rolledBack)

inline check() {
  noDangling = (live & (ALL - hasNew)) == 0 && (live & (ALL - hasOld)) == 0 && hasOld == ALL && ((ALL - live) & (ALL - hasOlder)) == 0;
  assert(noDangling);
  gated = live == 0 || hasNew == ALL;
  assert(gated);
  honest = status != completed || (live == ALL && badVerify == 0);
  assert(honest);
  allOrNothing = (status != aborted && status != rolledBack) || live == 0;
  assert(allOrNothing)
}

#define MAY_CRASH crashes < CR -> crashes++; forget(); goto acquire

#ifdef TERMS
inline forget() { i = 0; ok = false; token = 0; term = 0; view = idle }
#else
inline forget() { i = 0; ok = false; token = 0; view = idle }
#endif

#ifdef ERR_NO_FENCE
#define REFUSED(t) false
#else
#define REFUSED(t) (token < fence[t])
#endif

inline accept(t) {
#ifdef TERMS
  fenced = (term >= acted[t]);
  acted[t] = term;
#else
  fenced = (token >= fence[t]);
#endif
  assert(fenced);
  fence[t] = token
}

/* What a server refused: the holder of the lease goes on above the number that the server has seen, and claims the record
 * with it; nobody else does. */
#if !defined(TERMS) || defined(ERR_NO_RAISE)
#define RAISE(t) goto replaced
#elif defined(ERR_RAISES_BLINDLY)
#define RAISE(t) lease = fence[t] + 1; token = lease; goto look
#else
#define RAISE(t) \
  if \
  :: holder == term -> lease = (lease > fence[t] -> lease : fence[t] + 1); token = lease; goto look \
  :: else -> goto replaced \
  fi
#endif

#ifdef ERR_COMMIT_ON_ONE
#define SEEN(reply) (ok || reply)
#define FIRST false
#else
#define SEEN(reply) (ok && reply)
#define FIRST true
#endif

/* One request each, and its reply: `ok` says what the coordinator has seen of all of the sweep. */
inline prepareOn(t) {
  if
  :: ok = SEEN(false)
  :: badPrepare & BIT(t) -> accept(t); ok = SEEN(false)
  :: !(badPrepare & BIT(t)) -> accept(t); hasNew = hasNew | BIT(t); check(); if :: ok = SEEN(true) :: ok = SEEN(false) fi
  fi
}

inline switchOn(t) {
  if
  :: ok = false
  :: badSwitch & BIT(t) -> accept(t); ok = false
  :: !(badSwitch & BIT(t)) ->
     accept(t);
     planKept = (live & BIT(t)) || (hasNew & BIT(t));
     assert(planKept);
     onlyUndo = (live & BIT(t)) || undoneBy == 0 || TERM < undoneBy;
     assert(onlyUndo);
     live = live | BIT(t);
     check();
     if :: skip :: ok = false fi
  fi
}

inline undoOn(t) {
  if
  :: ok = false
  :: accept(t);
     planKept = (hasOld & BIT(t)) && (hasOlder & BIT(t));
     assert(planKept);
     if :: undoneBy == 0 -> undoneBy = TERM :: else fi;
     live = live & (ALL - BIT(t));
     check();
     if :: skip :: ok = false fi
  fi
}

inline verifyOn(t) {
  if
  :: ok = false
  :: ok = ok && (live & BIT(t)) && !(badVerify & BIT(t))
  fi
}

/* The record, by compare-and-set; who loses reads it again. */
#if defined(ERR_NO_CAS)
#define CONFLICT false
#elif defined(ERR_NO_CLAIM)
#define CONFLICT (journal != view)
#else
#define CONFLICT (journal != view || owner != token)
#endif

#define MOVE(from, to, a, b) (from == a && to == b)
#define ALLOWED(from, to) (from == to || MOVE(from, to, idle, preparing) || MOVE(from, to, preparing, committed) || \
  MOVE(from, to, preparing, aborted) || MOVE(from, to, committed, completed) || MOVE(from, to, committed, undoing) || \
  MOVE(from, to, undoing, rolledBack))

inline record(next) {
  if
  :: CONFLICT -> goto look
  :: else ->
     decidedOnce = ALLOWED(journal, next);
#ifdef ERR_ABORT_AFTER_SWITCH
     decidedOnce = true; /* let the other properties find it */
#endif
     assert(decidedOnce);
     journal = next;
     view = next
  fi
}

inline report(next) {
  if
  :: CONFLICT -> goto look
  :: else -> status = next; check()
  fi
}

/* A step for each server, with a crash possible before each. */
#define EACH(servers, effect) \
  :: atomic { i < servers -> \
       if \
       :: MAY_CRASH \
       :: REFUSED(i) -> RAISE(i) \
       :: !REFUSED(i) -> effect(i); i++ \
       fi }

/* Nobody counts: it may try again or give up at any time. `true` keeps the `else` within `action` from meaning "when no
 * crash is possible". */
#define STEP(action) atomic { if :: MAY_CRASH :: true -> action fi }

inline end_() {
  forget();
  ended++;
  runEnds = ended < COORDS || (TERMINAL(journal) && status == journal);
  assert(runEnds)
}

active [COORDS] proctype coordinator() {
  byte i;
  byte token;
#ifdef TERMS
  byte term;
#endif
  bool ok;
  mtype view = idle;

  /* The faults are drawn by whoever is first; the second one comes when the lease was taken once. */
  atomic {
    if
    :: _pid == 0 ->
       k = 0;
       do
       :: k < FAULTY ->
          if :: skip
             :: g = 0; do :: g < N - 1 -> g++ :: break od;
                if
                :: badPrepare = badPrepare | BIT(g)
                :: badSwitch = badSwitch | BIT(g)
                :: badVerify = badVerify | BIT(g)
                fi
          fi;
          k++
       :: else -> break
       od;
#if FORGOTTEN
       if :: fence[0] = FORGOTTEN :: fence[N - 1] = FORGOTTEN fi
#endif
    :: _pid != 0 -> lease > 0
    fi
  }

acquire:
  atomic {
#if DELETIONS
    if
    :: deletions < DELETIONS && owner == lease -> deletions++; lease = 0
    :: true -> skip
    fi;
#endif
#if defined(ERR_SAME_TOKEN)
    lease = 1;
#elif defined(TERMS) && !defined(ERR_LEASE_FORGETS)
    lease = (lease > owner -> lease : owner) + 1; /* the record outlives the lease */
#else
    lease++;
#endif
#ifdef TERMS
    terms++;
    term = terms;
    holder = terms;
#endif
    token = lease
  }
look:
  atomic {
    if
    :: owner > token -> goto replaced
    :: else -> skip
    fi;
#ifndef ERR_NO_CLAIM
    owner = token;
#endif
    view = journal;
    i = 0;
    ok = true;
#ifdef ERR_STATUS_FROM_JOURNAL
    if :: journal == committed -> status = completed; check() :: else fi;
#endif
    if
    :: view == idle -> goto begin
    :: view == preparing -> ok = FIRST; goto prepare
    :: view == committed -> goto flip
    :: view == undoing -> goto revert
    :: TERMINAL(view) -> goto finish
    fi
  }

begin:
  STEP(record(preparing));
  ok = FIRST;

prepare:
  do
  EACH(N, prepareOn)
  :: atomic { i == N -> i = 0;
       if
       :: MAY_CRASH
       :: ok ->
#if defined(ERR_VOLATILE_DECISION)
          ok = true; goto flip
#elif defined(ERR_SWITCH_BEFORE_RECORD)
          ok = true; goto early
#else
          ok = true; record(committed); goto flip
#endif
       :: !ok -> ok = FIRST
       :: !ok -> record(aborted); goto finish
       fi }
  od;
#ifdef ERR_SWITCH_BEFORE_RECORD
early:
  atomic { if :: MAY_CRASH :: REFUSED(0) -> goto replaced :: !REFUSED(0) -> switchOn(0) fi };
  STEP(record(committed));
  ok = true;
#endif

flip:
#ifdef ERR_STATUS_EARLY
  STEP(report(completed));
#endif
  do
  EACH(N, switchOn)
  :: atomic { i == N -> i = 0;
       if
       :: MAY_CRASH
#ifdef ERR_NO_VERIFY
       :: ok -> record(completed); goto finish
#else
       :: ok -> break
#endif
       :: !ok -> ok = true
       :: !ok -> goto giveUp
       fi }
  od;
  do
  EACH(N, verifyOn)
  :: atomic { i == N -> i = 0;
       if
       :: MAY_CRASH
       :: ok -> record(completed); goto finish
       :: !ok -> ok = true; goto flip
       :: !ok -> goto giveUp
       fi }
  od;

giveUp:
  atomic {
    if
    :: MAY_CRASH
    :: true -> ok = true;
#if defined(ERR_ABORT_AFTER_SWITCH)
       record(aborted); goto finish
#elif defined(ERR_UNDO_WITHOUT_RECORD)
       goto revert
#else
       record(undoing); goto revert
#endif
    fi
  }

revert:
  do
#ifdef ERR_UNDO_SKIPS_ONE
  EACH(N - 1, undoOn)
  :: atomic { i == N - 1 -> i = 0;
#else
  EACH(N, undoOn)
  :: atomic { i == N -> i = 0;
#endif
       if
       :: MAY_CRASH
       :: !ok -> ok = true
       :: ok ->
#ifdef ERR_UNDO_WITHOUT_RECORD
          if :: journal == committed -> record(undoing) :: else fi;
#endif
          record(rolledBack); goto finish
       fi }
  od;

finish:
  STEP(report(view));
  atomic { end_(); goto over }
replaced:
  atomic { end_() }
over:
  skip
}

/* Retention of this and of other runs: any unneeded release, on any server, at any moment. */
#if defined(ERR_COLLECTS_OPEN)
#define NEW_IS_FREE !(live & BIT(g))
#else
#define NEW_IS_FREE (!(live & BIT(g)) && TERMINAL(journal))
#endif
#if defined(ERR_COLLECTS_PREVIOUS)
#define OLDER_IS_FREE (live & BIT(g))
#else
#define OLDER_IS_FREE ((live & BIT(g)) && journal == completed)
#endif

#if REMOVALS > 0
active proctype retention() {
end:
  do
  :: atomic {
       removed < REMOVALS ->
       g = 0;
       do :: g < N - 1 -> g++ :: break od;
       if
       :: (hasNew & BIT(g)) && NEW_IS_FREE -> hasNew = hasNew & (ALL - BIT(g)); removed++; check()
       :: (hasOlder & BIT(g)) && OLDER_IS_FREE -> hasOlder = hasOlder & (ALL - BIT(g)); removed++; check()
       :: else -> skip
       fi
     }
  od
}
#endif
