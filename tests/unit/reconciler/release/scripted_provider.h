#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/base/strings.h"
#include "reconciler/ports/provider.h"

namespace slipway {

// Answers every step as it was told to, at once or when asked to go on. Single-threaded.
class ScriptedProvider final : public Provider {
 public:
  using Answer = std::function<StepResult(const StepRequest&)>;

  static StepResult done() {
    StepResult result;
    result.digest = "sha256:prepared";
    return result;
  }
  static StepResult refused(Code code, std::string message, std::string phase = "part") {
    StepResult result;
    result.outcome = StepResult::Outcome::Refused;
    result.status = Status(code, std::move(message));
    result.phase = std::move(phase);
    return result;
  }
  static StepResult unknown() {
    StepResult result = refused(Code::OutcomeUnknown, "the connection was lost");
    result.outcome = StepResult::Outcome::Unknown;
    return result;
  }

  ProviderCapabilities capabilities() const override { return {"Servers", true, true}; }

  void start(std::vector<StepRequest> wave, StepEvents events) override {
    for (StepRequest& request : wave) {
      if (std::holds_alternative<ObserveStep>(request.action)) {
        ++looks;
        events.done(request, answerTo(request));
        continue;
      }
      const std::string step = nameOf(request);
      started.push_back(step);
      operations.push_back(request.operationId);
      if (onStart) {
        onStart(request);
      }
      if (held.contains(step)) {
        const std::string id = request.operationId;
        waiting.emplace(id, std::pair(std::move(request), events));
      } else {
        if (say) {
          events.output(request, say(request));
        }
        events.done(request, answerTo(request));
      }
    }
  }

  void cancel(const std::string& operationId) override {
    if (auto found = waiting.extract(operationId)) {
      found.mapped().second.done(found.mapped().first, refused(Code::Cancelled, "cancelled"));
    }
  }

  // Lets the held steps go on.
  void release() {
    held.clear();
    for (auto& [id, step] : std::exchange(waiting, {})) {
      step.second.done(step.first, answerTo(step.first));
    }
  }
  // As a restart of the controller does: nobody hears of them any more.
  void loseWaiting() { waiting.clear(); }

  std::size_t count(const std::string& step) const {
    return static_cast<std::size_t>(std::count(started.begin(), started.end(), step));
  }

  // "prepare web1"
  static std::string nameOf(const StepRequest& request) {
    constexpr std::array<std::string_view, 11> kNames{"observe", "prepare", "check", "switch", "process", "verify",
                                                      "undo",    "retire",  "abort", "place",  "hook"};
    if (const auto* hook = std::get_if<HookStep>(&request.action)) {
      return cat(hook->name, " ", request.target.name);
    }
    if (const auto* process = std::get_if<ProcessStep>(&request.action);
        process != nullptr && !process->slot.name.empty()) {
      return cat(process->action, "-", process->slot.name, " ", request.target.name);
    }
    return cat(kNames.at(request.action.index()), " ", request.target.name);
  }

  std::map<std::string, Answer> answers;     // by step; else: done
  std::map<std::string, std::string> live;   // by server: what `current` names
  std::map<std::string, std::string> slots;  // by server: the live one
  std::set<std::string> held;                // steps that wait for release()
  std::vector<std::string> started;          // in order; looks are only counted
  int looks = 0;
  std::vector<std::string> operations;  // likewise
  std::function<void(const StepRequest&)> onStart;
  std::function<std::string(const StepRequest&)> say;  // what the target prints
  std::map<std::string, std::pair<StepRequest, StepEvents>> waiting;

 private:
  StepResult answerTo(const StepRequest& request) {
    const auto told = answers.find(nameOf(request));
    StepResult result = told == answers.end() ? done() : told->second(request);
    const std::string& server = request.target.name;
    result.observed.current = live[server];
    result.observed.slot = slots[server];
    result.observed.releases.push_back({live[server], {}, {}, true});
    if (result.outcome == StepResult::Outcome::Done) {
      if (const auto* flip = std::get_if<SwitchStep>(&request.action)) {
        live[server] = flip->releaseId;
        slots[server] = flip->slot;
      } else if (const auto* undo = std::get_if<UndoStep>(&request.action)) {
        live[server] = undo->restoreTo;
        slots[server] = undo->slot;
      }
    }
    return result;
  }
};

}  // namespace slipway
