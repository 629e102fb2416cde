#include "reconciler/release/requests.h"

#include <algorithm>
#include <array>

#include "reconciler/base/strings.h"
#include "reconciler/release/hooks/hook_records.h"

namespace slipway::release {
namespace {

constexpr std::array<std::pair<Verb, std::string_view>, 7> kVerbs{{{Verb::Abort, "abort"},
                                                                   {Verb::Pause, "pause"},
                                                                   {Verb::Resume, "resume"},
                                                                   {Verb::Promote, "promote"},
                                                                   {Verb::PromoteFull, "promote-full"},
                                                                   {Verb::Rollback, "rollback"},
                                                                   {Verb::Retry, "retry"}}};

using Effect = Verdict::Effect;

Verdict refuse(std::string why) { return {Effect::None, cat("Refused: ", why), nullptr}; }

bool isOpen(const ReleaseRun* run) { return run != nullptr && !isTerminal(run->status.phase); }

bool awaitsPromotion(const ReleaseRun& run) {
  return !run.status.transitions.empty() && run.status.transitions.back().reason == "AwaitingPromotion";
}

bool holdsByAnalysis(const RunTransition& row) {
  return row.reason == "AnalysisInconclusive" || row.reason == "AnalysisFailed";
}

Verdict judgeAbort(const ReleaseRun* run) {
  if (!isOpen(run)) {
    return refuse("no run is going on");
  }
  return {Effect::AbortRun,
          run->status.decisions.commit.empty() ? cat("Accepted: run ", run->meta.name, " is being stopped")
                                               : cat("Accepted: run ", run->meta.name, " is being undone"),
          nullptr};
}

Verdict judgePause(const ReleaseRun* run) {
  if (!isOpen(run)) {
    return refuse("no run is going on");
  }
  if (!run->status.decisions.revert.empty()) {
    return refuse(cat("run ", run->meta.name, " is being undone, which is not paused"));
  }
  return {Effect::PauseRun, cat("Accepted: run ", run->meta.name, " pauses after what is under way"), nullptr};
}

Verdict judgeResume(const ReleaseRun* run) {
  if (!isOpen(run) || run->status.phase != RunPhase::Paused) {
    return refuse("no run is paused");
  }
  if (awaitsPromotion(*run) && run->status.decisions.pausedAt.empty()) {
    return refuse(cat("run ", run->meta.name, " waits for promotion: slipway promote"));
  }
  return {Effect::ResumeRun, cat("Accepted: run ", run->meta.name, " goes on"), nullptr};
}

bool shiftsTraffic(const ReleaseSpec& spec) {
  return spec.strategy.type == StrategyType::BlueGreen || spec.strategy.type == StrategyType::Canary;
}

// Ends the pause that the run is in, timed or not; another step is never passed over.
Verdict judgePromote(const ReleaseRun* run) {
  if (!isOpen(run)) {
    return refuse("no run is going on");
  }
  if (asksAboutHooks(*run)) {
    return {Effect::PassHooks, cat("Accepted: run ", run->meta.name, " goes on as if its hook had succeeded"), nullptr};
  }
  if (!shiftsTraffic(run->spec.spec)) {
    return refuse(cat("strategy ", strategyName(run->spec.spec.strategy.type), " has nothing to promote"));
  }
  if (!run->status.decisions.revert.empty() || !run->status.decisions.abort.empty()) {
    return refuse(cat("run ", run->meta.name, " is being taken back"));
  }
  const std::string reason = run->status.transitions.empty() ? "" : run->status.transitions.back().reason;
  if (!awaitsPromotion(*run) && reason != "Baking" && !heldByAnalysis(*run)) {
    return refuse(cat("run ", run->meta.name, " does not wait for promotion now: ", run->status.message,
                      "; promote-full leaves out all steps that are left"));
  }
  return {Effect::PromoteStep, cat("Accepted: run ", run->meta.name, " goes on to the next step"), nullptr};
}

Verdict judgePromoteFull(const ReleaseRun* run) {
  if (!isOpen(run)) {
    return refuse("no run is going on");
  }
  if (!shiftsTraffic(run->spec.spec)) {
    return refuse(cat("strategy ", strategyName(run->spec.spec.strategy.type), " has nothing to promote"));
  }
  if (!run->status.decisions.revert.empty() || !run->status.decisions.abort.empty()) {
    return refuse(cat("run ", run->meta.name, " is being taken back"));
  }
  return {Effect::PromoteFull,
          cat("Accepted: run ", run->meta.name, " goes to all traffic, with its checks and without the steps left"),
          nullptr};
}

Verdict judgeRetry(const ReleaseRun* run) {
  if (run == nullptr) {
    return refuse("there is no run to try again");
  }
  if (isOpen(run)) {
    return refuse(cat("run ", run->meta.name, " is still going on"));
  }
  if (run->status.phase == RunPhase::Completed) {
    return refuse(cat("run ", run->meta.name, " has completed: there is nothing to try again"));
  }
  return {Effect::StartRetry, cat("Accepted: version ", run->spec.version, " is tried again"), nullptr};
}

const ReleaseHistoryEntry* previousGood(const Release& release) {
  for (const ReleaseHistoryEntry& entry : release.status.history) {
    if (entry.outcome == phaseName(RunPhase::Completed) && !entry.bad &&
        entry.version != release.status.versions.applied) {
      return &entry;
    }
  }
  return nullptr;
}

const ReleaseHistoryEntry* named(const Release& release, const std::string& version) {
  for (const ReleaseHistoryEntry& entry : release.status.history) {
    if (entry.outcome == phaseName(RunPhase::Completed) && entry.version == version) {
      return &entry;
    }
  }
  return nullptr;
}

std::string knownVersions(const Release& release) {
  std::vector<std::string> out;
  for (const ReleaseHistoryEntry& entry : release.status.history) {
    if (entry.outcome == phaseName(RunPhase::Completed) &&
        std::find(out.begin(), out.end(), entry.version) == out.end()) {
      out.push_back(entry.version);
    }
  }
  return out.empty() ? "none was ever live" : join(out, ", ");
}

// Taking the run back is a way to what was live before it; any other version comes after that.
Verdict judgeRollbackOfOpen(const Request& request, const Release& release, const ReleaseRun& run) {
  const std::string begun = cat("Accepted: run ", run.meta.name, " is going on and is taken back");
  if (request.version.empty() || request.version == release.status.versions.applied) {
    return {Effect::AbortRun, begun, nullptr};
  }
  if (named(release, request.version) == nullptr) {
    return refuse(cat("version ", request.version, " is not known: ", knownVersions(release)));
  }
  return {Effect::AbortRun, cat(begun, ", then version ", request.version, " follows"), nullptr, request.version};
}

Verdict judgeRollback(const Request& request, const Release& release, const ReleaseRun* run) {
  if (isOpen(run)) {
    return judgeRollbackOfOpen(request, release, *run);
  }
  if (request.waited && run != nullptr && run->spec.identity != releaseIdentity(release.spec)) {
    return refuse(
        cat("run ", run->meta.name, " has ended; the spec asks for something newer, version ", release.spec.version));
  }
  const ReleaseHistoryEntry* entry = request.version.empty() ? previousGood(release) : named(release, request.version);
  if (entry == nullptr) {
    return request.version.empty()
               ? refuse("there is no earlier version that was live and is not marked bad")
               : refuse(cat("version ", request.version, " is not known: ", knownVersions(release)));
  }
  if (entry->version == release.status.versions.applied) {
    return refuse(cat("version ", entry->version, " is what runs now"));
  }
  return {Effect::StartRollback, cat("Accepted: rolling back to version ", entry->version), entry};
}

}  // namespace

bool heldByAnalysis(const ReleaseRun& run) {
  return run.status.phase == RunPhase::Paused && !run.status.transitions.empty() &&
         holdsByAnalysis(run.status.transitions.back());
}

std::string_view verbName(Verb verb) {
  for (const auto& [value, name] : kVerbs) {
    if (value == verb) {
      return name;
    }
  }
  return "";
}

std::vector<Request> pendingRequests(const Release& release) {
  std::vector<Request> out;
  for (const auto& [verb, name] : kVerbs) {
    auto annotation = release.meta.annotations.find(cat(kGroup, "/", name));
    if (annotation == release.meta.annotations.end()) {
      continue;
    }
    auto handled = release.status.handledRequests.find(std::string(name));
    const bool known = handled != release.status.handledRequests.end() && handled->second.token == annotation->second;
    if (known && handled->second.then.empty()) {
      continue;
    }
    Request request{verb, annotation->second, {}, known};
    if (verb == Verb::Rollback) {
      request.version = request.token.substr(0, request.token.find('#'));
    }
    out.push_back(std::move(request));
  }
  return out;
}

Verdict judge(const Request& request, const Release& release, const ReleaseRun* run) {
  switch (request.verb) {
    case Verb::Abort:
      return judgeAbort(run);
    case Verb::Pause:
      return judgePause(run);
    case Verb::Resume:
      return judgeResume(run);
    case Verb::Rollback:
      return judgeRollback(request, release, run);
    case Verb::Promote:
      return judgePromote(run);
    case Verb::PromoteFull:
      return judgePromoteFull(run);
    case Verb::Retry:
      return judgeRetry(run);
  }
  return refuse("unknown verb");
}

}  // namespace slipway::release
