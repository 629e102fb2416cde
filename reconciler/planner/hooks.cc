#include "reconciler/planner/hooks.h"

#include <algorithm>

#include "reconciler/base/strings.h"

namespace slipway::planner {
namespace {

constexpr int kTries = 4;
constexpr std::string_view kBack = "/back";

// A hook that reports how a run ended decides nothing any more.
bool decidesNothing(const Hook& hook) {
  return hook.onError == HookErrors::Ignore || hook.at == HookPoint::OnFailure || hook.at == HookPoint::AfterRollback;
}

bool isOfRun(const RunSpec& run, const Hook& hook) {
  const bool ofBuild =
      hook.at == HookPoint::Backup || hook.at == HookPoint::BeforeBuild || hook.at == HookPoint::AfterBuild;
  return run.reason != RunReason::Rollback || !ofBuild;
}

std::string keyOf(const Hook& hook, const std::string& server, bool back) {
  return hook.onEachServer() ? cat(hook.name, "/", server, back ? kBack : "") : hook.name;
}

const HookRecord* recordOf(const PlanInput& input, const std::string& key) {
  const auto found = input.progress.hooks.find(key);
  return found == input.progress.hooks.end() ? nullptr : &found->second;
}

std::optional<std::size_t> placeOf(const RunStatus& status, const std::string& server) {
  for (std::size_t i = 0; i < status.targets.size(); ++i) {
    if (status.targets[i].name == server) {
      return i;
    }
  }
  return std::nullopt;
}

// The servers that the hook is for. One that ran, or may have run, on a server stays there.
std::vector<std::size_t> placesOf(const PlanInput& input, const Hook& hook, const HookCall& call) {
  std::vector<std::size_t> places;
  for (std::size_t i : call.targets) {
    const RunTarget& target = input.progress.targets[i];
    const bool named =
        hook.servers.empty() || std::find(hook.servers.begin(), hook.servers.end(), target.name) != hook.servers.end();
    if (named && !target.gone) {
      places.push_back(i);
    }
  }
  if (hook.onEachServer()) {
    return places;
  }
  if (const HookRecord* record = recordOf(input, hook.name); record != nullptr && record->record.attempt > 0) {
    const std::optional<std::size_t> known = placeOf(input.progress, record->server);
    const bool gone = !known || input.progress.targets[*known].gone;
    const bool mayMove = hook.idempotent || record->record.state == StepState::Pending;
    if (known && !(gone && mayMove)) {
      return {*known};
    }
  }
  places.resize(std::min<std::size_t>(places.size(), 1));
  return places;
}

PlannedHook planned(const PlanInput& input, std::size_t hook, std::size_t target, bool back) {
  const Hook& one = input.run.spec.hooks[hook];
  const std::string& server = input.progress.targets[target].name;
  PlannedHook out{keyOf(one, server, back), hook, target, 1, ""};
  if (const HookRecord* known = recordOf(input, out.key)) {
    const bool anew = known->record.state == StepState::Pending || known->server != server;
    out.attempt = std::max(known->record.attempt + (anew ? 1 : 0), 1);
  }
  out.operationId = cat(input.runUid, back ? ".hook-back." : ".hook.", one.name, ".", server, ".", out.attempt);
  return out;
}

// Puts one operation where it belongs. False: it has ended.
bool sortIn(HookStage& stage, const PlanInput& input, const PlannedHook& hook) {
  const Hook& spec = input.run.spec.hooks[hook.hook];
  const HookRecord* known = recordOf(input, hook.key);
  const StepState state = known == nullptr ? StepState::Pending : known->record.state;
  const bool moved = known != nullptr && known->server != input.progress.targets[hook.target].name;
  if (state == StepState::Done && !moved) {
    return false;
  }
  const bool ended = !moved && (state == StepState::Failed || state == StepState::Unknown);
  if (ended && nextHookTry(spec, known->record) == NextTry::No) {
    if (!decidesNothing(spec)) {
      stage.failed.push_back(hook.key);
      stage.unknown = stage.unknown || (!spec.idempotent && known->record.code == codeName(Code::OutcomeUnknown));
    }
    return false;
  }
  if (const auto cooling = input.coolingHooks.find(hook.key); ended && cooling != input.coolingHooks.end()) {
    stage.nextTry = std::min(stage.nextTry.value_or(Duration::max()), cooling->second);
  } else {
    stage.wave.push_back(hook);
  }
  return true;
}

void limit(std::vector<PlannedHook>& wave, const PlanInput& input) {
  const auto runs = [&](const PlannedHook& hook) {
    const HookRecord* known = recordOf(input, hook.key);
    return known != nullptr && known->record.state == StepState::Running;
  };
  const auto rest = std::stable_partition(wave.begin(), wave.end(), runs);
  const auto cap = static_cast<std::size_t>(std::max(input.run.spec.maxParallel, 1));
  const auto running = static_cast<std::size_t>(rest - wave.begin());
  wave.resize(std::min(wave.size(), std::max(cap, running)));
}

}  // namespace

bool cannotBeAsked(const Hook& hook) { return hook.http.has_value() && !hook.idempotent; }

NextTry nextHookTry(const Hook& hook, const StepRecord& record) {
  if (record.tries >= kTries || record.code == codeName(Code::Denied)) {
    return NextTry::No;
  }
  const bool away = record.code == codeName(Code::Unavailable) || record.code == codeName(Code::Timeout);
  if (record.phase == "connect" && away) {  // it never began
    return NextTry::SameId;
  }
  if (hook.http.has_value()) {
    return hook.idempotent && (away || record.state == StepState::Unknown) ? NextTry::SameId : NextTry::No;
  }
  // The server knows what became of it.
  return record.state == StepState::Unknown ? NextTry::SameId : NextTry::No;
}

HookStage surveyHooks(const PlanInput& input, const HookCall& call) {
  HookStage stage;
  const std::vector<Hook>& hooks = input.run.spec.hooks;
  for (std::size_t h = 0; h < hooks.size(); ++h) {
    if (hooks[h].at != call.at || !isOfRun(input.run, hooks[h])) {
      continue;
    }
    bool open = false;
    for (std::size_t target : placesOf(input, hooks[h], call)) {
      open = sortIn(stage, input, planned(input, h, target, call.back)) || open;
    }
    if (open || !stage.failed.empty()) {
      stage.name = hooks[h].name;
      break;
    }
  }
  limit(stage.wave, input);
  return stage;
}

const Hook* hookOf(const ReleaseSpec& spec, const std::string& key) {
  const std::string name = key.substr(0, key.find('/'));
  const auto found =
      std::find_if(spec.hooks.begin(), spec.hooks.end(), [&](const Hook& hook) { return hook.name == name; });
  return found == spec.hooks.end() ? nullptr : &*found;
}

std::vector<PlannedHook> runningHooks(const PlanInput& input) {
  std::vector<PlannedHook> out;
  for (const auto& [key, known] : input.progress.hooks) {
    const Hook* hook = hookOf(input.run.spec, key);
    const std::optional<std::size_t> target = placeOf(input.progress, known.server);
    if (known.record.state == StepState::Running && hook != nullptr && target.has_value()) {
      out.push_back({key, static_cast<std::size_t>(hook - input.run.spec.hooks.data()), *target, known.record.attempt,
                     known.record.operationId});
    }
  }
  return out;
}

bool goesForward(const Hook& hook, const std::string& key) {
  return !key.ends_with(kBack) && hook.at != HookPoint::OnFailure && hook.at != HookPoint::AfterRollback;
}

bool asksAboutHook(const ReleaseSpec& spec, const std::string& key, const HookRecord& record) {
  const Hook* hook = hookOf(spec, key);
  const bool ended = record.record.state == StepState::Failed || record.record.state == StepState::Unknown;
  return hook != nullptr && ended && !decidesNothing(*hook) && nextHookTry(*hook, record.record) == NextTry::No;
}

std::string describeHooks(const RunStatus& status, const std::vector<std::string>& keys) {
  constexpr std::size_t kShown = 3;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < keys.size() && i < kShown; ++i) {
    const HookRecord& known = status.hooks.at(keys[i]);
    parts.push_back(cat(keys[i].substr(0, keys[i].find('/')), " on ", known.server, ": ", known.record.message));
  }
  if (keys.size() > kShown) {
    parts.push_back(cat("and ", keys.size() - kShown, " more"));
  }
  return join(parts, "; ");
}

std::string hookNotes(const PlanInput& input) {
  std::vector<std::string> keys;
  for (const auto& [key, known] : input.progress.hooks) {
    const Hook* hook = hookOf(input.run.spec, key);
    const bool ended = known.record.state == StepState::Failed || known.record.state == StepState::Unknown;
    if (hook != nullptr && ended && decidesNothing(*hook)) {
      keys.push_back(key);
    }
  }
  return keys.empty() ? "" : cat("; hooks that failed: ", describeHooks(input.progress, keys));
}

}  // namespace slipway::planner
