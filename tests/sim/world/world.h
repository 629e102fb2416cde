#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reconciler/apiserver/delete_collector.h"
#include "reconciler/apiserver/in_process_api.h"
#include "tests/sim/host/sim_host.h"
#include "tests/sim/world/control_loop.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/invariants.h"
#include "tests/sim/world/shelf.h"
#include "tests/sim/world/sim_store.h"
#include "tests/sim/world/timeline.h"

namespace slipway::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  Faults faults;
  bool secondLeader = false;
  std::function<void(const std::string&)> show;  // every log line and effect, for a person; may be empty
};

// A whole installation: one slipwayd process on a simulated disk, simulated servers, one thread, virtual time.
class World {
 public:
  World(Shelf& shelf, WorldOptions options);
  ~World();

  Timeline& time() { return time_; }
  Faults& faults() { return faults_; }
  Checker& checker() { return *checker_; }
  const SimDisk& disk() const { return disk_; }
  Shelf& shelf() { return shelf_; }
  Dice& dice() { return dice_; }
  std::uint64_t traceHash() const { return trace_.value(); }
  std::uint64_t crashes() const { return crashes_; }

  SimHost& addHost(const std::string& server);
  SimHost* host(const std::string& server);
  const std::map<std::string, std::unique_ptr<SimHost>>& hosts() const { return hosts_; }
  void partition(const std::string& server, SteadyTime until) { partitioned_[server] = until; }
  // Everything that a person repairs: disks, partitions, applications.
  void heal();

  // What a person does through the API: tried again while the process is down. Other errors are the person's.
  void user(std::function<Status(apiserver::InProcessApi&)> act);
  // Null while no process runs.
  apiserver::InProcessApi* api();

  // One thing happens; false when nothing is left before `limit`.
  bool step(SteadyTime limit);
  // Until then, or the first violation.
  void run(SteadyTime until);
  // Until `done`, asked whenever everything waits; false at the limit or a violation.
  bool settle(Duration limit, const std::function<bool()>& done);
  // The same, and some minutes more without a crash for what comes after: then it must still be so.
  bool rest(Duration limit, const std::function<bool()>& done);
  bool violated() const { return !checker_->violations().empty(); }

  // The application behind a port, by the release's name: bad versions, whether a process command moves it.
  struct App {
    std::string root;
    std::string environment = "production";
    bool managed = false;  // runs what its process command started; else what `current` names
  };
  void addApp(int port, App app) { apps_[port] = std::move(app); }
  SimProxies& proxies() { return proxies_; }
  const SimProxies& proxies() const { return proxies_; }

  // End the process now, as a crash.
  void crash();
  const ControlLoop* leader() const;
  // Objects in the store differ from what the process shows (I39, I44), effects outside of roots (I50).
  void checkStill();
  // Without looks and probes, and without what probes write on Servers.
  std::uint64_t sentCommands() const { return sent_; }
  std::uint64_t changes() const { return changes_; }
  // Goes up with everything that outlives the process: what is stored, servers, proxies, what is on its way to them.
  // While it is the same, a crash finds the same world, but for the time and Events.
  std::uint64_t durable() const;
  // What a person tried leaves no trace unless it succeeds, and none at all when it is a dry run (I45).
  void tries(const std::function<Status(apiserver::ObjectWriter&, apiserver::Registry&)>& act, bool dry);
  // The controllers' counters against what was seen of runs (I52).
  void checkMetrics();

 private:
  struct Process;

  bool mayGo(bool mainLoop);
  bool heard();
  void boot();
  void restartLater();
  ControlLoop::Ports portsFor(bool main);
  LinkPlan planLink(const std::string& machine);
  SimTraffic::Ports trafficPorts(bool main, std::function<bool()> alive);
  void commandBegins(SimHost& host, const std::string& name);
  bool mixed(const App& app) const;
  Result<HttpClientResponse> answer(const std::string& address, int port);
  Result<HttpClientResponse> role(const std::string& address, int port);
  Result<HttpClientResponse> answerHook(const std::string& address);
  Result<HttpClientResponse> measured(const std::string& path);
  SimStore::Sync sync();
  void committed(const Record& record);
  std::shared_ptr<const Json> shown(const Record& record);
  bool act();
  bool pass(SteadyTime limit);
  bool turn();
  void wake();
  void markCrash();
  void checkRestored();

  Shelf& shelf_;
  WorldOptions options_;
  Timeline time_;
  Dice dice_;
  Faults faults_;
  TraceHash trace_;
  SimDisk disk_;
  std::unique_ptr<Checker> checker_;
  std::map<std::string, std::unique_ptr<SimHost>> hosts_;
  std::map<std::string, SteadyTime> partitioned_;
  std::map<std::string, SteadyTime> startingUntil_;
  std::map<int, App> apps_;
  StaleLists stale_;
  std::unique_ptr<SimSource> source_;
  SimProxies proxies_;
  std::map<std::string, int> goodAnswers_;  // of the metrics server, by version
  std::unique_ptr<Process> process_;
  bool dying_ = false;
  bool dieNext_ = false;
  bool restarting_ = false;
  std::uint64_t crashes_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t elsewhere_ = 0;  // changes of what outlives the process and does not count them itself
  SteadyTime bootedAt_{};
};

}  // namespace slipway::sim
