#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/api/run.h"

namespace slipway::release {

// What a verb asks for. Verbs are annotations `slipway.dev/<verb>: <token>`; a token that is not the one in
// status.handledRequests is a new request.
enum class Verb { Retry, Rollback, Abort, Pause, Resume, Promote, PromoteFull };
std::string_view verbName(Verb verb);

struct Request {
  Verb verb = Verb::Retry;
  std::string token;    // the annotation's whole value
  std::string version;  // Rollback: what stands before '#'; empty: the previous one
  bool waited = false;  // accepted before, when another run had to end first
};

// The requests that were not handled yet, or wait for the end of a run, in the order Abort, Pause, Resume, Promote,
// PromoteFull, Rollback, Retry.
std::vector<Request> pendingRequests(const Release& release);

// What to do about a request, and what to tell the user.
struct Verdict {
  enum class Effect {
    None,
    AbortRun,
    PauseRun,
    ResumeRun,
    PromoteStep,
    PromoteFull,
    PassHooks,
    StartRetry,
    StartRollback,
  } effect = Effect::None;
  std::string result;                               // "Accepted…" or "Refused: why"
  const ReleaseHistoryEntry* rollbackTo = nullptr;  // StartRollback; points into the release
  std::string then = {};                            // AbortRun: the version to roll back to afterwards
};

// Pure. `run` is the release's newest run, or nullptr.
Verdict judge(const Request& request, const Release& release, const ReleaseRun* run);

// Whether it waits for a person because an analysis did not say yes.
bool heldByAnalysis(const ReleaseRun& run);

}  // namespace slipway::release
