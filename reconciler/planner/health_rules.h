#pragma once

#include "reconciler/api/run.h"

namespace slipway::planner {

// Counts the answer of a look at an instance that the record has just taken. Good ones in a row make it healthy: until
// there are enough of them the record waits, as Pending, for the next look. What could not be asked says nothing.
void countAnswer(StepRecord& record, StepKind kind, const Health& health);

// Whether the good answers so far are too few, and the next one is due after the interval.
bool needsMoreAnswers(const StepRecord& record);

// Whether an instance that was healthy has given so many bad answers in a row that it is not.
bool turnedUnhealthy(const StepRecord& record, StepKind kind, const Health& health);

}  // namespace slipway::planner
