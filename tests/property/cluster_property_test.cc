#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "reconciler/planner/cluster/cluster_pass.h"
#include "reconciler/planner/cluster/quorum.h"
#include "reconciler/planner/plan.h"
#include "tests/support/run_builder.h"
#include "tests/support/seeded_random.h"

namespace slipway::planner {
namespace {

// A cluster whose members fail, come back and elect at random, on servers whose steps fail at random. Members change
// only when they are asked: what a plan is based on is what there is.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    const std::size_t servers = 3 + below(6);
    run_ = runOver(static_cast<int>(servers), StrategyType::Rolling);
    ReleaseSpec& spec = run_.spec.spec;
    spec.strategy.rolling = RollingSettings{.batchSize = {static_cast<int>(1 + below(4)), false}};
    spec.cluster.emplace().leaderLast = !chance(5);
    spec.cluster->roleProbe.http.emplace();
    spec.health.attempts = 2;
    spec.health.tcpPort = 80;
    if (chance(2)) {
      spec.process = Process{.reload = "reload"};
    }
    const std::size_t zones = 1 + below(4);
    for (std::size_t i = 0; i < servers; ++i) {
      RunTarget& target = run_.status.targets[i];
      target.before = "1.0.0";
      target.voter = i < 3 || !chance(5);
      target.zone = zones == 1 ? "" : std::string(1, static_cast<char>('a' + i % zones));
      target.tieBreaker = target.voter && target.zone == "c";
    }
    up_.assign(servers, true);
    onNew_.assign(servers, false);
    broken_ = chance(6);
    failEvery_ = 5 + below(30);
    elect();
  }

  bool run() {
    for (int round = 0; round < 3000; ++round) {
      if ((round > 1500 || chance(200)) && run_.status.decisions.abort.empty()) {
        run_.status.decisions.abort = "now";
      }
      const Plan plan =
          strategyFor(run_.spec.spec).plan({run_.meta.uid, run_.spec, run_.status, {}, waited_, {}, {}, age_});
      EXPECT_TRUE(mayFollow(run_.status.phase, plan.phase))
          << phaseName(run_.status.phase) << " to " << phaseName(plan.phase);
      run_.status.phase = plan.phase;
      if (isTerminal(plan.phase)) {
        return true;
      }
      follow(plan);
    }
    return false;
  }

  void check() const {
    const auto news = static_cast<std::size_t>(std::count(onNew_.begin(), onNew_.end(), true));
    if (run_.status.phase == RunPhase::Completed) {
      EXPECT_EQ(news, onNew_.size());
    } else {
      EXPECT_EQ(news, 0U) << phaseName(run_.status.phase);
    }
  }

  RunPhase phase() const { return run_.status.phase; }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.next() % n); }
  bool chance(std::size_t oneIn) { return below(oneIn) == 0; }

  void follow(const Plan& plan) {
    RunDecisions& decisions = run_.status.decisions;
    if (plan.decision == Decision::Commit) {
      decisions.commit = "now";
    } else if (plan.decision == Decision::Revert) {
      decisions.revert = "now";
      decisions.revertReason = plan.reason;
      decisions.pausedAt.clear();
    } else if (plan.decision == Decision::NextBatch) {
      takeBatch(run_.status.cluster, *plan.batch, run_.status.targets);
    } else if (plan.decision == Decision::Hold || plan.phase == RunPhase::Paused) {
      run_.status.phase = RunPhase::Paused;
      resume();
    }
    if (plan.wait.has_value()) {
      EXPECT_TRUE(plan.wave.empty());
      waited_[plan.wait->name] += std::chrono::seconds(1 + below(200));
    }
    if (chance(100)) {
      age_.reset();  // the controller was restarted
    } else if (age_.has_value()) {
      *age_ += std::chrono::seconds(below(8));
    }
    if (plan.survey.has_value()) {
      EXPECT_TRUE(plan.wave.empty());
      answer();
    }
    for (RunTarget& target : run_.status.targets) {
      StepRecord& build = target.steps[StepKind::Prepare];
      if (std::find(plan.abort.begin(), plan.abort.end(), build.operationId) != plan.abort.end()) {
        build.state = StepState::Failed;
        build.code = "Cancelled";
      }
    }
    obey(plan);
    for (const PlannedStep& step : plan.wave) {
      age_.reset();
      perform(step);
    }
  }

  // The laws, before what is to go down goes down.
  void obey(const Plan& plan) {
    const Quorum quorum = Quorum::of(run_.spec, run_.status);
    std::set<std::size_t> taken;
    std::size_t begins = 0;
    for (const PlannedStep& step : plan.wave) {
      if (step.ref.kind == StepKind::Switch || step.ref.kind == StepKind::Undo) {
        taken.insert(step.ref.target);
        begins += run_.status.targets[step.ref.target].stateOf(step.ref.kind) == StepState::Pending ? 1 : 0;
      }
    }
    if (begins != taken.size() || taken.empty()) {
      return;  // it has begun before
    }
    std::size_t up = 0;
    std::size_t lost = 0;
    std::size_t voters = 0;
    std::map<std::string, std::pair<std::size_t, std::size_t>> zones;  // members with a vote, and of these up
    bool breakerDown = false;
    for (std::size_t i = 0; i < up_.size(); ++i) {
      const RunTarget& target = run_.status.targets[i];
      if (target.voter) {
        ++voters;
        lost += up_[i] && taken.contains(i) ? 1 : 0;
        const bool stays = up_[i] && !taken.contains(i);
        up += stays ? 1 : 0;
        zones[target.zone].first += 1;
        zones[target.zone].second += stays ? 1 : 0;
        breakerDown = breakerDown || (target.tieBreaker && !stays);
      }
    }
    if (lost == 0) {
      return;
    }
    EXPECT_GE(up, voters / 2 + 1) << "the quorum is kept";
    for (const auto& [zone, members] : zones) {
      EXPECT_FALSE(zone != "c" && !zone.empty() && members.second == 0 && breakerDown)
          << "zone " << zone << " is down together with the tie-breaker";
    }
    const bool forward = plan.wave.front().ref.kind == StepKind::Switch;
    for (std::size_t i : taken) {
      if (forward && quorum.member(i).leader && run_.spec.spec.cluster->leaderLast) {
        EXPECT_EQ(taken.size(), 1U) << "the leader goes alone";
        for (std::size_t other = 0; other < up_.size(); ++other) {
          EXPECT_TRUE(other == i || run_.status.targets[other].stateOf(StepKind::Switch) == StepState::Done)
              << "the leader goes last";
        }
      }
    }
  }

  void perform(const PlannedStep& step) {
    StepRecord& one = record(run_, step.ref.target, step.ref.kind);
    one.attempt = step.attempt;
    one.operationId = step.operationId;
    ++one.tries;
    one.state = StepState::Running;
    if (chance(10)) {
      return;  // asked about again in the next round
    }
    const std::size_t i = step.ref.target;
    if (step.ref.kind == StepKind::Switch || step.ref.kind == StepKind::Undo) {
      onNew_[i] = step.ref.kind == StepKind::Switch;
      up_[i] = !(onNew_[i] && broken_) && !chance(20);
      elect();
    }
    const bool effect = step.ref.kind != StepKind::Prepare && step.ref.kind != StepKind::Check;
    const bool fails = effect && chance(failEvery_);
    one.state = fails ? StepState::Failed : StepState::Done;
    one.code = fails ? "Conflict" : "";
  }

  void resume() {
    run_.status.decisions.pausedAt.clear();
    ++run_.status.cluster.round;
    run_.status.cluster.splits = 0;
    for (RunTarget& target : run_.status.targets) {
      for (auto& [kind, one] : target.steps) {
        if (one.state == StepState::Failed) {
          one.state = StepState::Pending;
          one.tries = 0;
        }
      }
    }
    for (std::size_t i = 0; i < up_.size(); ++i) {
      up_[i] = up_[i] || !(onNew_[i] && broken_);
    }
    split_ = false;
  }

  void elect() {
    std::vector<std::size_t> voters;
    std::size_t all = 0;
    for (std::size_t i = 0; i < up_.size(); ++i) {
      all += run_.status.targets[i].voter ? 1 : 0;
      if (run_.status.targets[i].voter && up_[i]) {
        voters.push_back(i);
      }
    }
    const bool stays = std::find(voters.begin(), voters.end(), leader_) != voters.end();
    if (voters.size() < all / 2 + 1) {
      leader_ = kFleet;
    } else if (!stays || chance(4)) {
      leader_ = voters[below(voters.size())];
    }
  }

  void answer() {
    for (std::size_t i = 0; i < up_.size(); ++i) {
      if (chance(30)) {
        up_[i] = false;
      } else if (chance(6)) {
        up_[i] = !(onNew_[i] && broken_);
      }
    }
    split_ = split_ ? !chance(4) : chance(60);
    elect();
    std::map<std::string, MemberSight> members;
    bool second = split_;
    for (std::size_t i = 0; i < up_.size(); ++i) {
      std::string role = !up_[i] ? "Unknown" : i == leader_ ? "Leader" : "Follower";
      if (role == "Follower" && second) {
        role = "Leader";
        second = false;
      }
      members[run_.status.targets[i].name] = {role, "", ""};
    }
    takeSurvey(run_.status.cluster, std::move(members), "now");
    age_ = Duration(0);
  }

  SeededRandom random_;
  ReleaseRun run_;
  std::vector<bool> up_;
  std::vector<bool> onNew_;
  std::map<std::string, Duration> waited_;
  std::optional<Duration> age_;
  std::size_t leader_ = kFleet;
  bool split_ = false;
  bool broken_ = false;
  std::size_t failEvery_ = 10;
};

TEST(ClusterLaws, HoldForRandomMembersZonesAndOutcomes) {
  std::map<RunPhase, int> ends;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    World world(seed);
    ASSERT_TRUE(world.run()) << "seed " << seed << " does not end";
    world.check();
    ++ends[world.phase()];
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  for (RunPhase phase : {RunPhase::Completed, RunPhase::RolledBack, RunPhase::Failed}) {
    EXPECT_GT(ends[phase], 3) << phaseName(phase);
  }
}

}  // namespace
}  // namespace slipway::planner
