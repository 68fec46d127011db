/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations are written as they read, from top to bottom, and can be left wherever they need the
 * host: each level of an operation is a function that remembers the line to go on at (stackless
 * coroutines: S. Tatham, "Coroutines in C", 2000). What must outlive a step stands in
 * op->state, never in a local variable.
 *
 *	CO_BEGIN(op, LEVEL);
 *	CO_STEP(op, LEVEL);		hand op->step to the host; goes on with op->step.error[]
 *	CO_AWAIT(bm, op, LEVEL, cond);	wait until cond holds
 *	CO_CALL(op, LEVEL, f(...));	run f, which is of a deeper level, to its end
 *	CO_RETURN(op, LEVEL);		leave this level early
 *	CO_END(op, LEVEL);
 */
#ifndef BLKMEND_CO_H
#define BLKMEND_CO_H

/* Levels: each function has its own, and calls only deeper ones. */
enum { CO_OP, CO_PART, CO_PLACE, CO_COMMIT };

#define CO_BEGIN(op, level)                                                                        \
	switch ((op)->state.line[level]) {                                                         \
	case 0:

#define CO_END(op, level)                                                                          \
	}                                                                                          \
	CO_RETURN(op, level)

#define CO_RETURN(op, level)                                                                       \
	do {                                                                                       \
		(op)->state.line[level] = 0;                                                       \
		return BM_DONE;                                                                    \
	} while (0)

#define CO_STEP(op, level)                                                                         \
	do {                                                                                       \
		(op)->state.line[level] = __LINE__;                                                \
		return BM_STEP;                                                                    \
	case __LINE__:;                                                                            \
	} while (0)

#define CO_AWAIT(bm, op, level, cond)                                                              \
	do {                                                                                       \
		(op)->state.line[level] = __LINE__;                                                \
		__attribute__((__fallthrough__));                                                  \
	case __LINE__:                                                                             \
		if (!(cond)) {                                                                     \
			bm_wait(bm, op);                                                           \
			return BM_WAIT;                                                            \
		}                                                                                  \
	} while (0)

#define CO_CALL(op, level, call)                                                                   \
	do {                                                                                       \
		enum bm_verdict verdict_;                                                          \
                                                                                                   \
		(op)->state.line[level] = __LINE__;                                                \
		__attribute__((__fallthrough__));                                                  \
	case __LINE__:                                                                             \
		verdict_ = (call);                                                                 \
		if (verdict_ != BM_DONE)                                                           \
			return verdict_;                                                           \
	} while (0)

#endif
