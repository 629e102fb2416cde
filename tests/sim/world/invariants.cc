#include "tests/sim/world/invariants.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "reconciler/api/meta.h"
#include "reconciler/base/strings.h"
#include "reconciler/planner/shift_script.h"
#include "tests/sim/host/host_script.h"

namespace slipway::sim {
namespace {

bool begins(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// Looking is no effect: a look that was on its way already may arrive.
bool compensates(std::string_view step, std::string_view kind) {
  return kind == "abort" || kind == "observe" || kind == "check" || kind == "verify" || step == "Undo" ||
         step == "Restart" || step == "undo" || step == "restart" || step == "withdraw";
}

constexpr Revision kReadOneIn = 16;

// Of the group of servers that the run has left without traffic.
bool isIdle(const ReleaseRun& run, const RunTarget& target) {
  const ReleaseSpec& spec = run.spec.spec;
  return spec.strategy.hasGroups() && target.group != planner::freshGroup(spec, run.status);
}

Json parsed(const Record& record) {
  std::string_view text = *record.value;
  if (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  return parseJson(text).valueOr(Json());
}

Json withoutVersion(Json object) {
  object["metadata"].asObject().erase("resourceVersion");
  return object;
}

std::string idOf(const std::string& link) { return link.substr(link.rfind('/') + 1); }

}  // namespace

std::string runOf(const std::string& operation) { return operation.substr(0, operation.find('.')); }

std::string stepOf(const std::string& operation) {
  const std::size_t dot = operation.find('.');
  return dot == std::string::npos ? std::string() : operation.substr(dot + 1, operation.find('.', dot + 1) - dot - 1);
}

Checker::Checker(Ports ports)
    : ports_(std::move(ports)),
      traffic_({[this](int law, bool holds, const std::string& what) { require(law, holds, what); }, ports_.weightOf,
                ports_.goodAnswers}) {}

void Checker::require(int invariant, bool holds, const std::string& what) {
  ++checks_[static_cast<std::size_t>(invariant)];
  if (!holds) {
    violations_.push_back({invariant, ports_.time.now(), what});
  }
}

void Checker::mark(std::string_view sometimes) {
  const auto found = sometimes_.find(sometimes);
  if (found == sometimes_.end()) {
    sometimes_.emplace(sometimes, 1);
  } else {
    ++found->second;
  }
}

void Checker::published(std::string_view where, std::string_view text) {
  // memmem: every record and every log line is searched.
  const bool found = ::memmem(text.data(), text.size(), kSecret.data(), kSecret.size()) != nullptr;
  require(46, !found, found ? cat("a planted secret is in ", where) : std::string());
}

void Checker::wrote(Code code, Revision written) {
  if (code == Code::Conflict || code == Code::AlreadyExists || code == Code::NotFound) {
    require(43, written == 0, cat("a write was answered ", codeName(code), " and made a record"));
  } else if (code == Code::Invalid || code == Code::Denied) {
    require(45, written == 0, cat("a write was answered ", codeName(code), " and made a record"));
  }
}

void Checker::watched(const Kind& kind, Revision after, Revision at, bool bookmark) {
  const std::vector<Revision>& all = changes_[cat(kind.group, "/", kind.plural)];
  const auto next = std::upper_bound(all.begin(), all.end(), after);
  if (bookmark) {
    require(41, next == all.end() || *next > at,
            cat("a bookmark of ", kind.plural, " at ", at, " overtakes ", next == all.end() ? 0 : *next));
  } else {
    require(41, next != all.end() && *next == at,
            cat("a watch of ", kind.plural, " at ", after, " goes on with ", at, ", the next change is ",
                next == all.end() ? 0 : *next));
  }
}

// --- the store -------------------------------------------------------------------------------------------------------

void Checker::committed(const Record& record, const std::shared_ptr<const Json>& shown) {
  const std::string& key = record.key;
  // Reading every record again would cost more than all other checks: what the process shows is held against the text
  // now and then.
  const auto read = [&] {
    if (shown == nullptr) {
      return parsed(record);
    }
    if (record.revision % kReadOneIn == 0) {
      require(39, withoutVersion(*shown) == parsed(record), cat(key, " is stored otherwise than it is shown"));
    }
    return *shown;
  };
  changes_[key.substr(0, key.find('/', key.find('/') + 1))].push_back(record.revision);
  if (!record.value) {
    removed(key);
    return;
  }
  if (!begins(key, "/secrets/")) {
    published(key, *record.value);
  }
  if (begins(key, "slipway.dev/releaseruns/")) {
    runCommitted(read());
  } else if (begins(key, "slipway.dev/releases/")) {
    releaseCommitted(read());
  } else if (begins(key, "coordination.k8s.io/leases/")) {
    leaseCommitted(key, read());
  }
}

void Checker::removed(const std::string& key) {
  if (const auto run = runUids_.find(key); run != runUids_.end()) {
    runs_.erase(run->second);
    runUids_.erase(run);
  }
  if (const auto release = releaseUids_.find(key); release != releaseUids_.end()) {
    require(24, openRunOf(release->second) == nullptr, cat(key, " went while a run of it is open"));
    releases_.erase(release->second);
    releaseUids_.erase(release);
  }
  leases_.erase(key);
}

const Checker::RunView* Checker::openRunOf(const std::string& releaseUid) const {
  for (const auto& [uid, view] : runs_) {
    if (view.run.spec.releaseUid == releaseUid && !isTerminal(view.run.status.phase)) {
      return &view;
    }
  }
  return nullptr;
}

void Checker::runCommitted(const Json& object) {
  Result<ReleaseRun> decoded = runFromJson(object);
  if (!decoded) {
    require(45, false, cat("a stored run cannot be read: ", decoded.status().message()));
    return;
  }
  const std::string uid = decoded->meta.uid;
  const auto known = runs_.find(uid);
  if (known == runs_.end()) {
    const RunView* open = openRunOf(decoded->spec.releaseUid);
    require(36, open == nullptr,
            cat("run ", decoded->meta.name, " began while ", open == nullptr ? "" : open->run.meta.name, " is open"));
    require(23, releases_.contains(decoded->spec.releaseUid),
            cat("run ", decoded->meta.name, " is of a release that is not there"));
    runUids_[cat("slipway.dev/releaseruns/", decoded->meta.ns, "/", decoded->meta.name)] = uid;
    runs_[uid] = {std::move(*decoded), ++runsMade_};
    return;
  }
  const ReleaseRun before = std::exchange(known->second.run, std::move(*decoded));
  rolling_.committed(known->second.run, ports_.time.now());
  traffic_.committed(known->second.run);
  cluster_.committed(known->second.run);
  decisionsStay(before, known->second.run);
  conditionsKeepTimes(before.status.conditions, known->second.run.status.conditions);
  markRun(before, known->second.run);
  if (!isTerminal(before.status.phase) && isTerminal(known->second.run.status.phase)) {
    runEnded(known->second);
  }
}

// Nobody asked for it: the policy must allow it, and no switch may be under way any more.
void Checker::revertsAsAllowed(const ReleaseRun& run) {
  const ReleaseSpec& spec = run.spec.spec;
  const std::string& reason = run.status.decisions.revertReason;
  require(7, spec.rollback == RollbackPolicy::Automatic,
          cat("run ", run.meta.name, " goes back by itself, against rollback.policy: ", reason));
  require(7, run.spec.reason != RunReason::Rollback,
          cat("rollback ", run.meta.name, " is rolled back itself: ", reason));
  const bool partial = reason == "PartialSwitch" || reason == "ActivationFailed" || reason == "TrafficFailed";
  require(7, !partial || spec.strategy.onPartialSwitch != OnPartialSwitch::Hold,
          cat("run ", run.meta.name, " goes back where onPartialSwitch holds it: ", reason));
  for (const RunTarget& target : run.status.targets) {
    require(7, reason != "PartialSwitch" || target.gone || target.stateOf(StepKind::Switch) != StepState::Running,
            cat("run ", run.meta.name, " goes back while ", target.name, " is being switched"));
  }
}

void Checker::decisionsStay(const ReleaseRun& before, const ReleaseRun& after) {
  const auto stays = [&](const std::string& was, const std::string& is, std::string_view what) {
    require(7, was.empty() || was == is, cat(what, " of run ", after.meta.name, " changed from ", was, " to ", is));
  };
  const RunDecisions& was = before.status.decisions;
  const RunDecisions& is = after.status.decisions;
  stays(was.commit, is.commit, "the commit");
  stays(was.revert, is.revert, "the revert");
  stays(was.abort, is.abort, "the abort");
  if (was.revert.empty() && !is.revert.empty() && is.abort.empty()) {
    revertsAsAllowed(after);
  }
  if (was.revert.empty() && was.abort.empty() && !(is.revert.empty() && is.abort.empty())) {
    const auto handedOver = [&](const StepRecord& record) {
      if (record.state == StepState::Running && !sentOps_[after.meta.uid].contains(record.operationId)) {
        underWay_[after.meta.uid].insert(record.operationId);
      }
    };
    for (const RunTarget& target : after.status.targets) {
      for (const auto& [kind, record] : target.steps) {
        handedOver(record);
      }
    }
    for (const auto& [name, hook] : after.status.hooks) {
      handedOver(hook.record);
    }
  }
  require(7, !isTerminal(before.status.phase) || before.status.phase == after.status.phase,
          cat("run ", after.meta.name, " left its end ", phaseName(before.status.phase)));
  require(7, mayFollow(before.status.phase, after.status.phase),
          cat("run ", after.meta.name, " went from ", phaseName(before.status.phase), " to ",
              phaseName(after.status.phase)));
}

std::string Checker::liveOn(const std::string& server, const Layout& layout) const {
  SimHost* host = ports_.host(server);
  return host == nullptr ? std::string()
                         : idOf(host->files().readLink(cat(layout.root, "/current-", layout.environment)));
}

void Checker::runEnded(const RunView& view) {
  const ReleaseRun& run = view.run;
  ++rollouts_;
  ++ends_[run.status.outcome];
  const auto moved = movedBy_.find(run.meta.uid);
  switch (run.status.phase) {
    case RunPhase::Completed:
      checkTargets(run, true);
      break;
    case RunPhase::RolledBack:
      checkTargets(run, false);
      break;
    default:
      require(6, !run.status.decisions.commit.empty() || moved == movedBy_.end(),
              cat("run ", run.meta.name, " ended ", phaseName(run.status.phase), " and had moved links"));
  }
  rolling_.ended(run.meta.uid);
  sentOps_.erase(run.meta.uid);
  underWay_.erase(run.meta.uid);
  movedBy_.erase(run.meta.uid);
  before_.erase(run.meta.uid);
}

void Checker::checkTargets(const ReleaseRun& run, bool onNewVersion) {
  const Layout& layout = run.spec.spec.layout;
  for (const RunTarget& target : run.status.targets) {
    if (target.gone || tampered_.contains({target.name, layout.root})) {
      continue;
    }
    const std::string live = liveOn(target.name, layout);
    if (onNewVersion && planner::staysOld(run.spec.spec, run.status, target)) {
      require(6, live == target.before,
              cat("run ", run.meta.name, " kept its old group, but ", target.name, " runs \"", live, "\", not ",
                  target.before));
      continue;
    }
    if (onNewVersion && isIdle(run, target) && target.stateOf(StepKind::Switch) != StepState::Done) {
      continue;  // it has no traffic, and the run has told of it
    }
    if (onNewVersion) {
      require(6, live == run.spec.version,
              cat("run ", run.meta.name, " is Completed, but ", target.name, " runs \"", live, "\", not ",
                  run.spec.version));
      continue;
    }
    require(6, live != run.spec.version || target.before == run.spec.version,
            cat("run ", run.meta.name, " is RolledBack, but ", target.name, " runs its version ", live));
    const auto moved = before_.find(run.meta.uid);
    const bool byHand = byHand_.contains({run.meta.uid, target.name});  // what a person put there is nobody's promise
    if (moved == before_.end() || !moved->second.contains(target.name) || byHand) {
      continue;
    }
    require(16, live == moved->second.at(target.name).release,
            cat("run ", run.meta.name, " is RolledBack, but ", target.name, " runs \"", live, "\", before it was \"",
                moved->second.at(target.name).release, "\""));
  }
}

void Checker::conditionsKeepTimes(const std::vector<Condition>& before, const std::vector<Condition>& after) {
  for (const Condition& was : before) {
    for (const Condition& is : after) {
      if (was.type == is.type && was.status == is.status) {
        require(28, was.lastTransitionTime == is.lastTransitionTime,
                cat("condition ", is.type, " stayed ", is.status, " and its time changed"));
      }
    }
  }
}

void Checker::releaseCommitted(const Json& object) {
  Result<Release> decoded = releaseFromJson(object);
  if (!decoded) {
    require(45, false, cat("a stored release cannot be read: ", decoded.status().message()));
    return;
  }
  const std::string uid = decoded->meta.uid;
  releaseUids_[cat("slipway.dev/releases/", decoded->meta.ns, "/", decoded->meta.name)] = uid;
  const auto known = releases_.find(uid);
  const auto isReady = [](const Release& release) {
    const Condition* ready = findCondition(release.status.conditions, "Ready");
    return ready != nullptr && ready->status == "True";
  };
  const bool wasReady = known != releases_.end() && isReady(known->second);
  if (known != releases_.end()) {
    conditionsKeepTimes(known->second.status.conditions, decoded->status.conditions);
    if (decoded->meta.deleting() && !known->second.meta.deleting() && openRunOf(uid) != nullptr) {
      mark("a release was deleted with its run open");
    }
  }
  Release& release = releases_[uid] = std::move(*decoded);
  checkObserved(release);
  if (!wasReady && isReady(release)) {
    checkReady(release);
  }
}

void Checker::checkObserved(const Release& release) {
  const std::int64_t seen = release.status.observedGeneration;
  require(26, seen <= release.meta.generation,
          cat(release.meta.name, " claims generation ", seen, " of ", release.meta.generation));
  if (seen == release.meta.generation && release.status.phase != "Stalled" && !release.spec.suspend &&
      !release.meta.deleting()) {
    auto& [spec, identity] = identities_[release.meta.uid];
    if (identity.empty() || spec != release.spec) {
      spec = release.spec;
      identity = releaseIdentity(spec);
    }
    require(26, release.status.identity == identity || openRunOf(release.meta.uid) != nullptr,
            cat(release.meta.name, " claims generation ", seen, " without having acted on it"));
  }
}

void Checker::checkReady(const Release& release) {
  for (const auto& [uid, view] : runs_) {
    const ReleaseRun& run = view.run;
    if (run.meta.name != release.status.currentRun || run.spec.releaseUid != release.meta.uid) {
      continue;
    }
    for (const RunTarget& target : run.status.targets) {
      if (target.gone || isIdle(run, target) || tampered_.contains({target.name, release.spec.layout.root})) {
        continue;
      }
      require(27, target.stateOf(StepKind::Verify) == StepState::Done,
              cat(release.meta.name, " is Ready, ", target.name, " was not verified"));
      require(27, liveOn(target.name, run.spec.spec.layout) == run.spec.version,
              cat(release.meta.name, " is Ready with ", run.spec.version, ", ", target.name, " runs ",
                  liveOn(target.name, run.spec.spec.layout)));
    }
  }
}

void Checker::leaseCommitted(const std::string& key, const Json& object) {
  const Json* spec = object.find("spec");
  const std::string holder = spec == nullptr ? std::string() : spec->getString("holderIdentity");
  LeaseSeen& seen = leases_[key];
  if (!seen.holder.empty() && !holder.empty() && holder != seen.holder) {
    mark("a lease changed hands");
    const auto duration = std::chrono::seconds(spec->getInt("leaseDurationSeconds", 30));
    require(
        38, ports_.time.now() - seen.when >= duration,
        cat(key, " went from ", seen.holder, " to ", holder, " after ", formatDuration(ports_.time.now() - seen.when)));
  }
  const std::int64_t number = spec == nullptr ? 0 : spec->getInt("leaseTransitions");
  if (!holder.empty() && holder == seen.last && number > seen.number) {
    mark("a lease was raised above what a server had seen");
  }
  require(9, holder.empty() || holder == seen.last ? number >= seen.number : number > seen.number,
          cat(key, " went from ", seen.last, " with the number ", seen.number, " to ", holder, " with ", number));
  seen = {holder, holder.empty() ? seen.last : holder, number, ports_.time.now()};
}

// --- effects ---------------------------------------------------------------------------------------------------------

// A hook of the way back, or one that tells how a run ended.
static bool endsRun(const ReleaseRun& run, const std::string& operation) {
  const std::vector<std::string> parts = split(operation, '.');  // run "hook" name …
  return stepOf(operation) == "hook-back" ||
         std::any_of(run.spec.spec.hooks.begin(), run.spec.spec.hooks.end(), [&](const Hook& hook) {
           return parts.size() > 2 && parts[1] == "hook" && parts[2] == hook.name &&
                  (hook.at == HookPoint::AfterRollback || hook.at == HookPoint::OnFailure);
         });
}

// Whether it comes from a holder that another one has replaced: it stood still between the start of a step and its
// leaving. Nothing on its side can prevent that; the server refuses the number, which `entered` holds it to.
bool Checker::outdated(const ReleaseRun& run, const SentRequest& request) const {
  const std::vector<std::string> parts = split(request.operation, '.');  // run step server attempt
  for (const RunTarget& target : run.status.targets) {
    if (parts.size() < 3 || target.name != parts[2]) {
      continue;
    }
    const auto lease = leases_.find(
        cat("coordination.k8s.io/leases/", run.meta.ns, "/slipway-", target.destination, "-", run.spec.release));
    return lease != leases_.end() && request.fence < static_cast<std::uint64_t>(lease->second.number);
  }
  return false;
}

void Checker::trafficChanged(const TrafficRequest& request, const std::map<std::string, BackendState>& backends) {
  if (const ReleaseRun* run = runOfOperation(request.operationId)) {
    traffic_.changed(*run, request, backends);
  }
}

const ReleaseRun* Checker::runOfOperation(const std::string& operation) const {
  const auto found = runs_.find(runOf(operation));
  return found == runs_.end() ? nullptr : &found->second.run;
}

void Checker::sent(const SentRequest& request) {
  require(49, request.pinned, cat(request.operation, " is sent without the key of its host"));
  const ReleaseRun* found = runOfOperation(request.operation);
  if (found == nullptr) {
    return;
  }
  const ReleaseRun& run = *found;
  const RunDecisions& decided = run.status.decisions;
  const std::string step = stepOf(request.operation);
  sentOps_[run.meta.uid].insert(request.operation);
  // What was handed over before the decision may leave once after it: nobody undoes its server before it ends.
  const bool late = underWay_.contains(run.meta.uid) && underWay_[run.meta.uid].erase(request.operation) > 0;
  if (late) {
    mark("a step left after it was decided to stop");
  } else if (outdated(run, request)) {
    mark("a step of a replaced holder left late");
  } else if (!decided.revert.empty() || (!decided.abort.empty() && decided.commit.empty())) {
    require(10, compensates(step, request.kind) || endsRun(run, request.operation),
            cat(request.kind, " is sent as ", request.operation, " after it was decided to ",
                decided.revert.empty() ? "stop" : "undo"));
  }
  if (request.kind == "prepare") {
    require(3, !run.status.artifact.empty(),
            cat(request.operation, " is sent and the record does not say what the version is made from"));
  }
  if (request.kind == "switch") {
    require(5, !decided.commit.empty(), cat(request.operation, " is sent before the commit is durable"));
    for (const RunTarget& target : run.status.targets) {
      require(5,
              target.gone || (target.stateOf(StepKind::Prepare) == StepState::Done &&
                              target.stateOf(StepKind::Check) == StepState::Done),
              cat(request.operation, " is sent while ", target.name, " is not prepared"));
    }
  }
}

void Checker::entered(SimHost& host, const HostScript& script) {
  const HostScript::Request& request = script.request();
  require(47, request.application.find('/') != std::string::npos, cat(request.operation, " has no namespace"));
  const auto found = runs_.find(runOf(request.operation));
  if (found == runs_.end()) {
    return;
  }
  std::uint64_t& newest = entered_[{host.name(), cat(request.root, " ", request.environment)}];
  require(9, found->second.order >= newest,
          cat(request.operation, " of an older run works on ", host.name(), " after a newer one"));
  require(37, found->second.order >= newest, cat(request.operation, " on ", host.name(), " after a newer run"));
  newest = std::max(newest, found->second.order);
  std::uint64_t& highest = fences_[{host.name(), cat(request.root, " ", request.environment)}];
  require(9, request.fence >= highest,
          cat(request.operation, " works on ", host.name(), " with the number ", request.fence, " after ", highest));
  highest = std::max(highest, request.fence);
}

void Checker::linkMoved(SimHost& host, const HostScript& script, const std::string& from, const std::string& to) {
  const HostScript::Request& request = script.request();
  const std::string run = runOf(request.operation);
  if (tampered_.erase({host.name(), request.root}) > 0) {
    byHand_.insert({run, host.name()});
  }
  const bool givenBack = request.kind == "undo" && byHand_.contains({run, host.name()});
  if (givenBack) {
    tampered_.insert({host.name(), request.root});
  }
  movedBy_[run].insert(host.name());
  const ReleaseRun* mover = runOfOperation(request.operation);
  if (mover != nullptr) {
    traffic_.touches(*mover, host.name(), stepOf(request.operation));
    cluster_.flips(*mover, host.name(), request.kind == "undo");
  }
  if (request.kind == "switch") {
    before_[run].emplace(host.name(), LiveState{idOf(from), {}});
    if (mover != nullptr) {
      rolling_.flips(*mover, host.name(), ports_.time.now());
      require(5, !mover->status.decisions.commit.empty(), cat(host.name(), " switched without a durable commit"));
      require(23, releases_.contains(mover->spec.releaseUid), cat(host.name(), " switched for a release that is gone"));
    }
  }
  const auto before = before_[run].find(host.name());
  const bool firstTakenBack =
      request.kind == "undo" && (before == before_[run].end() || before->second.release.empty());
  require(18, !to.empty() || firstTakenBack, cat("the live link of ", request.root, " on ", host.name(), " is gone"));
  if (!to.empty() && !givenBack) {
    const std::string directory = cat(request.root, "/", to);
    require(3, host.files().isDirectory(directory),
            cat("the live link on ", host.name(), " names ", to, ", which is not there"));
    require(3, host.files().exists(directory + "/.slipway-release/ready"),
            cat("the live link on ", host.name(), " names ", to, ", which was never ready"));
  }
}

void Checker::releaseRemoved(SimHost& host, const HostScript& script, const std::string& release) {
  const HostScript::Request& request = script.request();
  const std::string where = cat(release, " of ", request.root, " on ", host.name());
  require(22, host.isLocked(cat(request.root, "/.state/", request.environment, "/lock")),
          cat(where, " is removed without the lock"));
  for (const char* name : {"current", "previous"}) {
    require(15, idOf(script.link(name)) != release, cat(where, " is removed and ", name, " names it"));
  }
  for (const auto& [uid, view] : runs_) {
    const ReleaseRun& run = view.run;
    if (isTerminal(run.status.phase) || run.spec.spec.layout.root != request.root || uid == runOf(request.operation)) {
      continue;
    }
    for (const RunTarget& target : run.status.targets) {
      require(15, target.name != host.name() || (run.spec.version != release && target.before != release),
              cat(where, " is removed and open run ", run.meta.name, " names it"));
    }
  }
  if (request.kind == "retire") {
    mark("old releases were retired");
  }
}

void Checker::commandBegins(SimHost& host, const HostScript& script, const std::string& name, bool idempotent) {
  if (!idempotent) {
    const int times = ++once_[{cat(host.name(), " ", script.request().operation), name}];
    require(19, times == 1, cat(name, " of ", script.request().operation, " ran ", times, " times on ", host.name()));
  }
  const bool process = script.request().kind == "process";
  if (const ReleaseRun* run = runOfOperation(script.request().operation); run != nullptr && process) {
    traffic_.touches(*run, host.name(), stepOf(script.request().operation));
  }
  ports_.commandBegins(host, process ? cat("process ", name) : name);
}

// Before it leaves it is durable that it is about to; what may be sent once is sent once.
void Checker::requested(const std::string& url) {
  const std::vector<std::string> parts = split(url, '/');  // http: "" host:port run hook how
  for (const auto& [uid, view] : runs_) {
    if (parts.size() != 6 || view.run.meta.name != parts[3] || isTerminal(view.run.status.phase)) {
      continue;
    }
    const auto known = view.run.status.hooks.find(parts[4]);
    const bool recorded = known != view.run.status.hooks.end() && known->second.record.state == StepState::Running;
    require(19, recorded, cat("hook ", parts[4], " of ", parts[3], " is sent and not recorded as running"));
    if (recorded && parts[5] == "once") {
      const std::string& operation = known->second.record.operationId;
      require(19, ++requests_[operation] == 1, cat(operation, " was sent ", requests_[operation], " times"));
      mark("a hook's request was sent");
    }
  }
}

// --- marks -----------------------------------------------------------------------------------------------------------

void Checker::markRun(const ReleaseRun& before, const ReleaseRun& after) {
  const RunStatus& status = after.status;
  const auto became = [&](RunPhase phase) { return before.status.phase != phase && status.phase == phase; };
  const std::string reason = status.transitions.empty() ? "" : status.transitions.back().reason;
  const bool newRow = before.status.transitions.size() != status.transitions.size() ||
                      (!before.status.transitions.empty() && before.status.transitions.back().reason != reason);
  if (newRow) {
    if (reason == "PreparationLost") mark("a preparation was lost and made again");
    if (reason == "RollbackIncomplete") mark("rollback incomplete");
    if (reason == "PrepareFailed") mark("build failed");
    if (reason == "GateClosed") mark("gate closed");
    if (reason == "HookOutcomeUnknown") mark("a hook's end was unknown");
    if (reason == "SourceFailed") mark("source failed");
    if (reason == "SourceUnavailable") mark("source unavailable");
    if (reason == "WaitingForLease") mark("waited for a lease");
    if (reason == "DestinationLocked") mark("waited for a lock on the destination");
  }
  if (became(RunPhase::Cancelled)) {
    mark(status.decisions.abortReason == "Superseded" ? "a run superseded before the commit"
                                                      : "abort before the commit");
  }
  if (became(RunPhase::RolledBack)) {
    const std::string& why = status.decisions.revertReason;
    if (why == "Superseded") mark("a run superseded after the commit");
    if (why == "Aborted") mark("abort after the commit");
    if (why == "VerificationFailed") mark("rolled back after a failed verification");
    if (why == "PartialSwitch") mark("rolled back after a partial switch");
  }
  if (became(RunPhase::Completed)) {
    if (after.spec.reason == RunReason::Rollback) mark("rollback completed");
    if (after.spec.spec.strategy.type == StrategyType::Recreate) mark("recreate went through");
    if (after.spec.spec.strategy.type == StrategyType::Rolling) mark("rolling went through");
    if (after.spec.spec.strategy.type == StrategyType::BlueGreen) mark("blue-green went through");
    if (after.spec.spec.strategy.type == StrategyType::Canary) mark("canary went through");
  }
  if (!before.status.decisions.pausedAt.empty() && status.decisions.pausedAt.empty()) mark("a run paused and resumed");
  if (became(RunPhase::Paused) && (reason == "VerificationFailed" || reason == "PartialSwitch")) {
    mark("a run held for a person");
  }
  for (std::size_t i = 0; i < std::min(before.status.targets.size(), status.targets.size()); ++i) {
    const RunTarget& target = status.targets[i];
    if (target.gone && !before.status.targets[i].gone) mark("a target was gone");
    for (const auto& [kind, record] : target.steps) {
      const StepRecord* was = before.status.targets[i].step(kind);
      if (was != nullptr && was->state == record.state) continue;
      if (record.state == StepState::Unknown) mark("a step ended as unknown");
      if (record.code == "OutcomeUnknown" && record.state == StepState::Failed) mark("a migration was not run again");
      if (record.state == StepState::Done && record.alreadyDone) {
        mark(record.message.find("kept from run") == std::string::npos ? "a step was already done"
                                                                       : "retry kept a preparation");
      }
      if (record.message.find("fencing number") != std::string::npos) mark("an older fencing number was refused");
    }
  }
}

}  // namespace slipway::sim
