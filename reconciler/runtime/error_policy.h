#pragma once

#include "reconciler/base/status.h"

namespace slipway::runtime {

// What happens to a key after a reconciliation.
enum class NextStep {
  Done,       // until something changes, or the time that the action named
  Retry,      // with back-off: the other side may recover
  Reobserve,  // soon: what we decided on is out of date or not known; no fault
  Stalled,    // only after a change: trying again cannot help
  Ignore,     // we were asked to stop
};

constexpr NextStep nextStep(Code code) {
  switch (code) {
    case Code::Ok:
      return NextStep::Done;
    case Code::Unavailable:
    case Code::Timeout:
    case Code::ResourceExhausted:
    case Code::Internal:
      return NextStep::Retry;
    case Code::Conflict:
    case Code::AlreadyExists:
    case Code::NotFound:
    case Code::Expired:
    case Code::OutcomeUnknown:
      return NextStep::Reobserve;
    case Code::Invalid:
    case Code::Denied:
    case Code::DataLoss:
      return NextStep::Stalled;
    case Code::Cancelled:
      return NextStep::Ignore;
  }
  return NextStep::Retry;
}

// For metrics and logs.
constexpr std::string_view name(NextStep step) {
  switch (step) {
    case NextStep::Done:
      return "done";
    case NextStep::Retry:
      return "retry";
    case NextStep::Reobserve:
      return "reobserve";
    case NextStep::Stalled:
      return "stalled";
    case NextStep::Ignore:
      return "ignored";
  }
  return "retry";
}

}  // namespace slipway::runtime
