#include <algorithm>
#include <array>
#include <map>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/planner/plan.h"
#include "reconciler/planner/shift_script.h"
#include "reconciler/planner/step_rules.h"
#include "tests/support/run_builder.h"
#include "tests/support/seeded_random.h"

namespace slipway::planner {
namespace {

// Servers with an old and a new instance, a proxy, and steps that fail, hang or lose their answer at random. Watches
// the laws of traffic at every effect.
class World {
 public:
  explicit World(std::uint64_t seed, int failEvery = 0) : random_(seed) {
    servers_ = 1 + random_.next() % 6;
    constexpr std::array kTypes{StrategyType::BlueGreen, StrategyType::Canary, StrategyType::Canary,
                                StrategyType::Rolling};
    run_ = runOver(static_cast<int>(servers_), kTypes.at(random_.next() % kTypes.size()));
    ReleaseSpec& spec = run_.spec.spec;
    spec.traffic = TrafficSpec{};
    spec.health.attempts = 3;
    spec.health.tcpPort = 80;
    spec.process = Process{.start = "up", .stop = "down", .reload = "reload"};
    groups_ = servers_ > 1 && spec.strategy.type == StrategyType::BlueGreen && random_.next() % 2 == 0;
    slots_ = !groups_ && (spec.strategy.type != StrategyType::Canary || random_.next() % 2 == 0);
    if (slots_) {
      spec.slots = Slots{8081, 8082};
    }
    chooseSettings(spec.strategy);
    if (groups_) {
      chooseGroups(*spec.strategy.blueGreen);
    }
    first_ = random_.next() % 10 == 0;
    for (RunTarget& target : run_.status.targets) {
      target.before = first_ ? "" : "1.0.0";
      target.slotBefore = slots_ && !first_ ? "blue" : "";
      target.slot = slots_ ? otherSlot(target.slotBefore) : "";
    }
    newUp_.assign(servers_, false);
    oldUp_.assign(servers_, !first_);
    spec.rollback = random_.next() % 5 == 0 ? RollbackPolicy::Freeze : RollbackPolicy::Automatic;
    run_.spec.reason = random_.next() % 8 == 0 ? RunReason::Rollback : RunReason::Apply;
    failEvery_ = failEvery > 0 ? static_cast<std::uint64_t>(failEvery) : 4 + random_.next() % 40;
  }

  bool run(bool mayAbort = true) {
    for (int round = 0; round < 1500; ++round) {
      if (mayAbort && random_.next() % 60 == 0 && run_.status.decisions.abort.empty()) {
        run_.status.decisions.abort = "now";
      }
      const Plan plan = strategyFor(run_.spec.spec).plan({run_.meta.uid, run_.spec, run_.status, {}, waited_});
      last_ = plan;
      EXPECT_TRUE(mayFollow(run_.status.phase, plan.phase))
          << phaseName(run_.status.phase) << " to " << phaseName(plan.phase) << ": " << plan.message;
      EXPECT_TRUE(!plan.traffic.has_value() || plan.wave.empty()) << "traffic and servers are changed apart";
      run_.status.phase = plan.phase;
      if (isTerminal(plan.phase)) {
        return true;
      }
      EXPECT_TRUE(moves(plan)) << "nothing to do and nothing to wait for: " << plan.reason << ": " << plan.message;
      follow(plan);
      if (::testing::Test::HasFailure()) {
        return true;
      }
    }
    return false;
  }

  void check() const {
    const auto newOnes = static_cast<std::size_t>(std::count(newUp_.begin(), newUp_.end(), true));
    switch (run_.status.phase) {
      case RunPhase::Completed:
        EXPECT_GE(newOnes, groups_ ? groupSize() : servers_);
        EXPECT_EQ(weight_, 100);
        break;
      case RunPhase::RolledBack:
      case RunPhase::Cancelled:
        EXPECT_EQ(weight_, 0) << "traffic on what was taken back";
        EXPECT_TRUE(first_ || std::all_of(oldUp_.begin(), oldUp_.end(), [](bool up) { return up; }));
        break;
      case RunPhase::Failed:
        EXPECT_EQ(weight_, 0);
        break;
      default:
        ADD_FAILURE() << "not an end";
    }
  }

  RunPhase phase() const { return run_.status.phase; }
  std::string told() const {
    return cat(strategyName(run_.spec.spec.strategy.type),
               slots_    ? " in slots"
               : groups_ ? " by groups"
                         : "",
               ", ", servers_, " servers, ", phaseName(run_.status.phase), " ", last_.reason, ": ", last_.message);
  }
  const std::vector<int>& weights() const { return weights_; }

 private:
  void chooseGroups(BlueGreenSettings& settings) {
    settings.groups = {{"a", {{"side", "a"}}}, {"b", {{"side", "b"}}}};
    settings.oldGroup = random_.next() % 2 == 0 ? OldGroup::Update : OldGroup::Keep;
    const std::size_t ofA = 1 + random_.next() % (servers_ - 1);
    for (std::size_t i = 0; i < servers_; ++i) {
      run_.status.targets[i].group = i < ofA ? "a" : "b";
    }
    run_.status.liveGroup = random_.next() % 3 == 0 ? "" : random_.next() % 2 == 0 ? "a" : "b";
  }
  bool isFresh(std::size_t i) const { return run_.status.targets[i].group == freshGroup(run_.spec.spec, run_.status); }
  std::size_t groupSize() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < servers_; ++i) {
      count += isFresh(i) ? 1 : 0;
    }
    return count;
  }

  void chooseSettings(slipway::Strategy& strategy) {
    const auto amount = [&] {
      return random_.next() % 2 == 0 ? Amount{static_cast<int>(1 + random_.next() % 4), false}
                                     : Amount{static_cast<int>(1 + random_.next() % 100), true};
    };
    const auto seconds = [&] { return std::chrono::seconds(random_.next() % 5); };
    if (strategy.type == StrategyType::BlueGreen) {
      strategy.blueGreen = BlueGreenSettings{.autoPromote = random_.next() % 2 == 0, .scaleDownDelay = seconds()};
      if (random_.next() % 2 == 0) {
        strategy.blueGreen->autoPromoteAfter = seconds();
      }
      return;
    }
    if (strategy.type == StrategyType::Rolling) {
      strategy.rolling = RollingSettings{.batchSize = amount(), .maxSurge = amount(), .pauseBetween = seconds()};
      return;
    }
    CanarySettings& canary = strategy.canary.emplace();
    canary.maxSurge = amount();
    canary.maxUnavailable = amount();
    canary.scaleDownDelay = seconds();
    if (random_.next() % 3 == 0) {
      canary.gradualAbort = std::chrono::seconds(2);
    }
    int weight = 0;
    for (std::uint64_t i = 1 + random_.next() % 6; i > 0; --i) {
      switch (random_.next() % 5) {
        case 0:
          canary.steps.push_back({.kind = CanaryStep::Kind::Pause, .pause = seconds()});
          break;
        case 1:
          canary.steps.push_back({.kind = CanaryStep::Kind::Pause});
          break;
        case 2:
          canary.steps.push_back({.kind = CanaryStep::Kind::SetScale, .scale = amount()});
          break;
        default:
          weight = std::min(100, weight + static_cast<int>(random_.next() % 60));
          canary.steps.push_back({.kind = CanaryStep::Kind::SetWeight, .weight = weight});
      }
    }
  }

  // Something is started, runs, is decided or is waited for, or a person is asked.
  bool moves(const Plan& plan) const {
    return plan.decision != Decision::None || !plan.wave.empty() || plan.traffic.has_value() || plan.wait.has_value() ||
           !plan.abort.empty() || plan.phase == RunPhase::Paused || plan.checkAgain.has_value();
  }

  void follow(const Plan& plan) {
    decide(plan);
    if (plan.wait.has_value()) {
      EXPECT_FALSE(plan.message.empty());
      waited_[plan.wait->name] += std::chrono::seconds(1 + random_.next() % 3);
    }
    for (const std::string& operation : plan.abort) {
      cancel(operation);
    }
    if (plan.decision == Decision::None && plan.phase == RunPhase::Paused) {
      answerAsAPerson(plan);
    }
    if (plan.traffic.has_value()) {
      perform(*plan.traffic);
    }
    for (const PlannedStep& step : plan.wave) {
      perform(step);
    }
  }

  void decide(const Plan& plan) {
    RunDecisions& decisions = run_.status.decisions;
    if (plan.decision == Decision::Commit) {
      decisions.commit = "now";
    } else if (plan.decision == Decision::NextStep) {
      ++run_.status.canaryStep;
      for (RunTarget& target : run_.status.targets) {
        target.steps.erase(StepKind::Confirm);
      }
    } else if (plan.decision == Decision::Revert) {
      decisions.revert = "now";
      decisions.revertReason = plan.reason;
      decisions.revertMessage = plan.message;
      decisions.pausedAt.clear();
    } else if (plan.decision == Decision::Hold) {
      decisions.pausedAt = "now";
      run_.status.phase = RunPhase::Paused;
    }
  }

  void answerAsAPerson(const Plan& plan) {
    if (plan.reason == "AwaitingPromotion") {
      if (random_.next() % 4 == 0) {
        run_.status.decisions.promoteFull = "now";
      }
      run_.status.decisions.promotedStep = run_.status.canaryStep;
      return;
    }
    run_.status.decisions.pausedAt.clear();
    const auto forget = [](StepRecord& one) {
      if (one.state == StepState::Failed || one.state == StepState::Unknown) {
        one.state = StepState::Pending;
        one.tries = 0;
      }
    };
    forget(run_.status.traffic.record);
    for (RunTarget& target : run_.status.targets) {
      for (auto& [kind, one] : target.steps) {
        forget(one);
      }
    }
  }

  void cancel(const std::string& operation) {
    for (RunTarget& target : run_.status.targets) {
      StepRecord& one = target.steps[StepKind::Prepare];
      if (one.operationId == operation) {
        one.state = StepState::Failed;
        one.code = "Cancelled";
      }
    }
  }

  // Whether it happens, and what is heard of it.
  bool settle(StepRecord& one, int attempt, const std::string& operation) {
    one.attempt = attempt;
    one.operationId = operation;
    ++one.tries;
    one.state = StepState::Running;
    const std::uint64_t dice = random_.next() % failEvery_;
    if (dice == 1) {
      return false;  // still running: asked about again in the next round
    }
    const bool happens = dice != 0 || random_.next() % 2 == 0;
    one.state = StepState::Done;
    if (dice == 0) {
      one.state = random_.next() % 2 == 0 ? StepState::Unknown : StepState::Failed;
      one.code = one.state == StepState::Unknown ? "OutcomeUnknown" : "Conflict";
    }
    return happens;
  }

  void perform(const PlannedStep& step) {
    StepRecord& one = record(run_, step.ref.target, step.ref.kind);
    if (settle(one, step.attempt, step.operationId)) {
      effect(step.ref.target, step.ref.kind, one.state == StepState::Done);
    }
  }

  void perform(const PlannedTraffic& traffic) {
    TrafficChange& change = run_.status.traffic;
    const bool begins = change.number != traffic.number;  // one under way is seen to its end
    if (begins) {
      change.record = {};
    }
    change.number = traffic.number;
    change.weight.requested = traffic.weight;
    change.fresh = names(traffic.fresh);
    change.stable = names(traffic.stable);
    if (!settle(change.record, traffic.attempt, traffic.operationId)) {
      return;
    }
    if (run_.status.decisions.revert.empty()) {
      EXPECT_GE(traffic.weight, weight_) << "forward the weight never falls";
    } else if (begins) {
      EXPECT_LE(traffic.weight, weight_) << "back it never grows";
    }
    weight_ = traffic.weight;
    weights_.push_back(weight_);
    fresh_ = traffic.fresh;
    stable_ = traffic.stable;
    if (change.record.state == StepState::Done) {
      change.weight.set = change.weight.verified = traffic.weight;
    }
    lawOfCapacity();
  }

  std::vector<std::string> names(const std::vector<std::size_t>& targets) const {
    std::vector<std::string> out;
    for (std::size_t i : targets) {
      out.push_back(run_.status.targets[i].name);
    }
    return out;
  }

  bool reachedByTraffic(const std::vector<std::size_t>& set, std::size_t i, int share) const {
    return share > 0 && std::find(set.begin(), set.end(), i) != set.end();
  }

  void effect(std::size_t i, StepKind kind, bool known) {
    const bool managed = !weights_.empty();
    const bool oldReached = managed ? reachedByTraffic(stable_, i, 100 - weight_) : !first_ && !groups_;
    const bool newReached = managed && reachedByTraffic(fresh_, i, weight_);
    if (kind == StepKind::Switch && !slots_) {
      EXPECT_TRUE(!oldReached || servers_ == 1) << "switched under traffic";
      oldUp_[i] = newUp_[i] = false;
    } else if (kind == StepKind::Verify && known) {
      newUp_[i] = true;
    } else if (kind == StepKind::ScaleDown) {
      EXPECT_FALSE(oldReached) << "stopped under traffic";
      oldUp_[i] = false;
    } else if (kind == StepKind::Withdraw) {
      EXPECT_FALSE(newReached) << "withdrawn under traffic";
      newUp_[i] = false;
    } else if (kind == StepKind::Undo && !slots_) {
      EXPECT_TRUE(!newReached || servers_ == 1) << "undone under traffic";
      newUp_[i] = false;
    } else if (kind == StepKind::Recheck || (kind == StepKind::Restart && known)) {
      oldUp_[i] = !first_;
    }
    lawOfCapacity();
  }

  // weight(v) <= ready capacity(v) / required capacity, in whole percent.
  void lawOfCapacity() const {
    if (weights_.empty() || first_ || (servers_ == 1 && !slots_)) {
      return;
    }
    if (groups_) {
      lawOfGroups();
      return;
    }
    const std::size_t away = slots_ ? 0 : run_.spec.spec.strategy.canary->maxUnavailable.of(servers_);
    const std::size_t required = std::max<std::size_t>(servers_ - std::min(away, servers_), 1);
    const auto carry = [&](const std::vector<bool>& up, const std::vector<std::size_t>& set) {
      const auto ready =
          static_cast<std::size_t>(std::count_if(set.begin(), set.end(), [&](std::size_t i) { return up[i]; }));
      return ready >= required ? 100 : static_cast<int>((100 * ready + required - 1) / required);
    };
    EXPECT_LE(weight_, carry(newUp_, fresh_));
    EXPECT_LE(100 - weight_, carry(oldUp_, stable_));
  }

  // One group has everything and all of it is up; the other one has nothing.
  void lawOfGroups() const {
    EXPECT_TRUE(weight_ == 0 || weight_ == 100) << weight_;
    for (std::size_t i = 0; i < servers_; ++i) {
      const bool gets = reachedByTraffic(weight_ == 100 ? fresh_ : stable_, i, 100);
      EXPECT_EQ(gets, isFresh(i) == (weight_ == 100)) << i;
      EXPECT_TRUE(!gets || (weight_ == 100 ? newUp_[i] : oldUp_[i])) << i;
    }
  }

  SeededRandom random_;
  ReleaseRun run_;
  std::size_t servers_ = 1;
  bool slots_ = false;
  bool groups_ = false;
  bool first_ = false;
  std::uint64_t failEvery_ = 10;
  std::vector<bool> newUp_;
  std::vector<bool> oldUp_;
  int weight_ = 0;
  std::vector<int> weights_;
  std::vector<std::size_t> fresh_;
  std::vector<std::size_t> stable_;
  std::map<std::string, Duration> waited_;
  Plan last_;
};

TEST(ShiftLaws, HoldForRandomFailuresAndAborts) {
  std::map<RunPhase, int> ends;
  for (std::uint64_t seed = 1; seed <= 20000; ++seed) {
    World world(seed);
    ASSERT_TRUE(world.run()) << "seed " << seed << " comes to no end: " << world.told();
    world.check();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << ": " << world.told();
    ++ends[world.phase()];
  }
  EXPECT_GT(ends[RunPhase::Completed], 1000);
  EXPECT_GT(ends[RunPhase::RolledBack], 1000);
}

// Plans have no circular waits: where nothing fails, every one of them comes to all traffic on the new version.
TEST(ShiftLaws, EveryPlanCanReachAllTraffic) {
  for (std::uint64_t seed = 1; seed <= 5000; ++seed) {
    World world(seed, 1'000'000'000);
    ASSERT_TRUE(world.run(false)) << "seed " << seed << ": " << world.told();
    ASSERT_EQ(world.phase(), RunPhase::Completed) << "seed " << seed << ": " << world.told();
    world.check();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << ": " << world.told();
  }
}

}  // namespace
}  // namespace slipway::planner
