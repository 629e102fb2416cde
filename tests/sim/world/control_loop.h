#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cmd/slipwayd/controllers.h"
#include "providers/vm/ssh_vm_provider.h"
#include "reconciler/apiserver/in_process_api.h"
#include "reconciler/base/log.h"
#include "reconciler/base/random.h"
#include "reconciler/ports/run_log.h"
#include "reconciler/ports/worker_pool.h"
#include "tests/sim/world/faulty_api.h"
#include "tests/sim/world/invariants.h"
#include "tests/sim/world/network.h"
#include "tests/sim/world/sim_traffic.h"
#include "tests/sim/world/timeline.h"

namespace slipway::sim {

class SimRandom final : public Random {
 public:
  explicit SimRandom(std::uint64_t seed) : dice_(seed) {}
  std::uint64_t next() override { return dice_.next(); }

 private:
  Dice dice_;
};

// Work runs when the scheduler says so.
class SimPool final : public WorkerPool {
 public:
  void post(std::function<void()> work) override { work_.push_back(std::move(work)); }
  bool step() {
    if (work_.empty()) {
      return false;
    }
    const auto work = std::move(work_.front());
    work_.pop_front();
    work();
    return true;
  }

 private:
  std::deque<std::function<void()>> work_;
};

// What the application behind all servers prints, looked through for secrets and thrown away.
class SimRunLog final : public RunLog {
 public:
  explicit SimRunLog(Checker& checker) : checker_(checker) {}
  void append(const std::string&, const std::string&, std::string_view text) override {
    checker_.published("a run's output", text);
  }
  Result<RunLogChunk> read(const std::string&, const std::string&, std::uint64_t, std::size_t) const override {
    return Status(Code::NotFound, "output is not kept here");
  }
  std::vector<std::string> targets(const std::string&) const override { return {}; }
  void remove(const std::string&) override {}

 private:
  Checker& checker_;
};

class SimLogger final : public Logger {
 public:
  SimLogger(Checker& checker, std::function<void(const std::string&)> show)
      : checker_(checker), show_(std::move(show)) {}
  void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override;

 private:
  Checker& checker_;
  std::function<void(const std::string&)> show_;
};

// Counts what an invariant asks for.
class SimMetrics final : public Metrics {
 public:
  void add(std::string_view counter, const MetricLabels& labels, double by) override {
    if (counter != "slipway_runs_total") {
      return;
    }
    for (const auto& [name, value] : labels) {
      if (name == "outcome") {
        runs_[value] += static_cast<std::uint64_t>(by);
      }
    }
  }
  void set(std::string_view, const MetricLabels&, double) override {}
  void observe(std::string_view, const MetricLabels&, double) override {}
  void forget(std::string_view, std::string_view) override {}
  const std::map<std::string, std::uint64_t>& runs() const { return runs_; }  // that ended, by outcome

 private:
  std::map<std::string, std::uint64_t> runs_;
};

// The controllers of one process, composed as the daemon composes them, on the ports of the world.
class ControlLoop {
 public:
  struct Ports {
    Timeline& time;
    Faults& faults;
    Checker& checker;
    StaleLists& stale;
    apiserver::InProcessApi& api;
    ArtifactSource& source;
    SimRunner::Ports network;
    SimHttp::Ports http;
    SimHttp::Ports outbound;
    std::function<bool()> before;
    std::function<bool()> after;
    std::function<Revision()> lastRevision;
    std::function<void(const std::string&)> show;
    std::string holder = "slipwayd";
    std::uint64_t seed = 0;
    SimTraffic::Ports traffic;
  };
  explicit ControlLoop(Ports ports);
  ~ControlLoop();

  const std::vector<daemon::Controllers::Loop>& loops() const { return loops_; }
  void pauseUntil(SteadyTime when) { clock_.pauseUntil(when); }
  bool paused() const { return clock_.paused(); }
  const SimMetrics& metrics() const { return metrics_; }
  SimRunner& runner() { return runner_; }

 private:
  ProcessClock clock_;
  SimRandom random_;
  SimLogger log_;
  SimMetrics metrics_;
  SimRunLog runLog_;
  FaultyApi api_;
  SimRunner runner_;
  SimHttp http_;
  SimHttp outbound_;
  SimTraffic traffic_;
  SimPool pool_;
  std::unique_ptr<daemon::Controllers> controllers_;
  std::unique_ptr<vm::SteppedProvider> provider_;
  std::unique_ptr<Analyst> analyst_;
  std::vector<daemon::Controllers::Loop> loops_;
};

}  // namespace slipway::sim
