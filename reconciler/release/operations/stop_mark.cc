#include "reconciler/release/operations/stop_mark.h"

#include "reconciler/base/strings.h"

namespace slipway::release {
namespace {

std::string markOf(const ObjectMeta& meta) {
  const auto found = meta.annotations.find(std::string(kStopped));
  return found == meta.annotations.end() ? "" : found->second;
}

}  // namespace

std::string stopMark(const std::string& run, const std::string& who) { return cat(run, " ", who); }

bool isStopped(const ObjectMeta& meta, const ReleaseStatus& status) {
  const std::string mark = markOf(meta);
  return !mark.empty() && !status.currentRun.empty() && mark.substr(0, mark.find(' ')) == status.currentRun;
}

void showStopped(ReleaseStatus& status, const ObjectMeta& meta, WallTime now) {
  if (!isStopped(meta, status)) {
    removeCondition(status.conditions, "Stopped");
    return;
  }
  const std::string mark = markOf(meta);
  const std::size_t space = mark.find(' ');
  const std::string who = space == std::string::npos ? "" : mark.substr(space + 1);
  const std::string message =
      cat("its processes were stopped", who.empty() ? "" : cat(" by ", who), ": slipway process start ", meta.name);
  setCondition(status.conditions, {"Stopped", "True", "Stopped", message, {}, meta.generation}, now);
  setCondition(status.conditions, {"Ready", "False", "Stopped", message, {}, meta.generation}, now);
  setCondition(status.conditions, {"Stalled", "True", "Stopped", message, {}, meta.generation}, now);
  status.message = message;
}

}  // namespace slipway::release
