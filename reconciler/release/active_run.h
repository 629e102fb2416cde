#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/api/release.h"
#include "reconciler/api/run.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"
#include "reconciler/planner/plan.h"
#include "reconciler/ports/analysis.h"
#include "reconciler/ports/artifact_source.h"
#include "reconciler/ports/leases.h"
#include "reconciler/ports/provider.h"

namespace slipway::release {

// One thing that came back from a step, or from fetching the source.
struct Message {
  std::string operationId;
  std::optional<StepResult> result;
  std::string phase;   // a named part began, when there is no result
  int weightSet = -1;  // of a change of traffic: TrafficOutcome
  int weightVerified = -1;
  std::optional<Measurement> measurement;                                  // of an analysis
  std::optional<std::map<std::string, MemberSight>> roles = std::nullopt;  // of the members of a cluster, by server
};

// Where steps put what came back, from any thread, until the reconciler has made it durable. Thread-safe.
//
// News on which nothing depends yet is gathered for a moment, so that it makes one record instead of many: that a part
// of a step began, or that a server is done while others are not. Losing it in a crash costs a look at the server.
class Mailbox {
 public:
  static constexpr Duration kGather = std::chrono::milliseconds(500);

  // The clock outlives everybody who puts something in.
  Mailbox(Clock& clock, std::function<void()> wake) : clock_(clock), wake_(std::move(wake)) {}

  // Operations that were started: the last of them to end is urgent.
  void expect(const std::vector<std::string>& operations);
  // Whether steps wait for the end of any single one: then each is urgent.
  void setEager(bool eager);
  void put(Message message);
  // All that waits, oldest first, as soon as one is urgent or it was gathered for long enough; it stays until `drop`.
  std::vector<Message> peek() const;
  void drop(std::size_t count);

 private:
  struct Waiting {
    Message message;
    bool urgent;
  };

  Clock& clock_;
  std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::vector<Waiting> waiting_;
  std::set<std::string> outstanding_;
  SteadyTime gatheredAt_{};  // when what is not urgent is due
  bool eager_ = false;
};

// The outcome of resolving and fetching a source.
struct Fetched {
  Status status;
  SourceRevision revision;
  std::shared_ptr<const Artifact> artifact;
};

// A fetch that goes on on the worker pool. Thread-safe.
class FetchSlot {
 public:
  void set(Fetched fetched);
  std::optional<Fetched> take();

 private:
  std::mutex mutex_;
  std::optional<Fetched> fetched_;
};

// A look at a server that found it well.
struct GoodAnswer {
  SteadyTime askedAt{};
  Duration took{0};
};

// What one process knows of an open run beside its record. Losing it costs time, never correctness. Touched only by the
// worker that holds the release's key, but for `mailbox` and `fetch`.
struct ActiveRun {
  std::shared_ptr<Mailbox> mailbox;
  std::shared_ptr<FetchSlot> fetch = std::make_shared<FetchSlot>();
  bool fetching = false;
  bool artifactWanted = false;
  int fetchTries = 0;
  std::optional<SteadyTime> nextFetch;
  std::shared_ptr<const Artifact> artifact;
  SourceRevision revision;                   // of the artifact
  std::map<std::string, LeaseGrant> grants;  // by destination
  // By destination: what servers refused our number for; by operation: how often.
  std::map<std::string, std::uint64_t> seenFences;
  std::map<std::string, int> fenceRefusals;
  SteadyTime renewedAt{};
  std::set<std::string> inFlight;  // operation ids
  std::set<std::string> aborting;
  std::map<planner::StepRef, SteadyTime> notBefore;
  std::map<std::string, SteadyTime> hookNotBefore;  // by key
  std::set<std::string> hooksToSend;                // recorded by this process as running, and not started yet
  std::map<std::string, SteadyTime> waitingSince;   // what of a wait the record does not have yet counts from here
  std::map<std::string, SteadyTime> flippedAt;      // by target
  // Looks at servers: when those under way were begun by this process, by operation id; and the last good answers, a
  // Check for the gate and, as Confirm, any look at a running instance.
  std::map<std::string, SteadyTime> asked;
  std::map<planner::StepRef, GoodAnswer> answers;
  // The analysis that is waited for, by step and round: what of its time the record does not have yet counts from here.
  std::string analysing;
  SteadyTime analysingSince{};
  std::map<std::string, SteadyTime> measuring;  // operation ids of measurements under way, and when they are given up
  // The last operation that asked a cluster for its roles, and when; and which survey of the record came from it,
  // 0 when steps were started since.
  std::string surveying;
  SteadyTime surveyingSince{};
  int surveyed = 0;
  SteadyTime surveyedAt{};
  // Both as they are stored, which spares reading them from JSON each time: see takeKept().
  std::optional<Release> release;
  std::optional<ReleaseRun> run;
  SteadyTime shownAt{};  // when the Release's status was last written

  // REQUIRES: there is an artifact. Has the record say what was fetched; again after a visit whose record did not
  // become durable. Invalid when the version was made from something else.
  Status pinSource(RunStatus& status) const;
};

// What was kept (nullptr: nothing is), where it is of this very version of the object; else the object is read.
template <typename Kept>
Result<Kept> takeKept(std::optional<Kept>* kept, const Json& object, Result<Kept> (*read)(const Json&)) {
  std::optional<Kept> was = kept == nullptr ? std::nullopt : std::exchange(*kept, std::nullopt);
  const Json* metadata = object.find("metadata");
  const auto same = [&](std::string_view field, const std::string& value) {
    const Json* found = metadata == nullptr ? nullptr : metadata->find(field);
    return found != nullptr && found->isString() && found->asString() == value;
  };
  if (was.has_value() && same("uid", was->meta.uid) && same("resourceVersion", was->meta.resourceVersion)) {
    return std::move(*was);
  }
  return read(object);
}

}  // namespace slipway::release
