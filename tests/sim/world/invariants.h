#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/api/release.h"
#include "reconciler/api/run.h"
#include "reconciler/ports/store.h"
#include "tests/sim/host/sim_host.h"
#include "tests/sim/world/cluster_law.h"
#include "tests/sim/world/network.h"
#include "tests/sim/world/rolling_law.h"
#include "tests/sim/world/sim_store.h"
#include "tests/sim/world/timeline.h"
#include "tests/sim/world/traffic_law.h"

namespace slipway::sim {

inline constexpr int kInvariants = 52;

// One row of the catalogue: I1 to I52 of the test plan.
struct InvariantInfo {
  int number = 0;
  std::string_view name;
  bool applies = false;
  std::string_view note;  // when it is checked, or why it does not apply yet
};
const std::array<InvariantInfo, kInvariants>& invariantTable();

struct Violation {
  int invariant = 0;
  SteadyTime when{};
  std::string what;
};

// Rare branches that must be hit now and then; one that never is makes its tests worthless.
const std::vector<std::string_view>& sometimesTable();

// A release tree on a host as rollback has to give it back.
struct LiveState {
  std::string release;
  std::string digest;
};

// Watches what becomes durable, what is sent and what happens on hosts, and holds it against the invariants. Has no
// effect on anything.
class Checker final : public HostObserver {
 public:
  struct Ports {
    Timeline& time;
    const SimDisk& disk;
    std::function<SimHost*(const std::string& server)> host;
    // Told after the checks: a fault may follow. A build step by its name, or "process stop".
    std::function<void(SimHost&, const std::string& name)> commandBegins;
    // What proxies give a backend, and how often the metrics of a version were told and good.
    std::function<int(const std::string& service, const std::string& backend)> weightOf;
    std::function<int(const std::string& version)> goodAnswers;
  };
  explicit Checker(Ports ports);

  const std::vector<Violation>& violations() const { return violations_; }
  const std::map<std::string, std::uint64_t, std::less<>>& sometimes() const { return sometimes_; }
  std::uint64_t checks(int invariant) const { return checks_[static_cast<std::size_t>(invariant)]; }
  std::uint64_t rollouts() const { return rollouts_; }
  const std::map<std::string, std::uint64_t>& ends() const { return ends_; }  // runs by outcome

  void require(int invariant, bool holds, const std::string& what);
  void mark(std::string_view sometimes);

  // The store: each record, in order, as it becomes durable, with what the process takes it for: null where not known.
  void committed(const Record& record, const std::shared_ptr<const Json>& shown);
  // A controller's write ended with this code after making so many records (I43, I45).
  void wrote(Code code, Revision written);
  // A watch of a kind that was at `after` hands out what happened at `at`, or a bookmark (I41).
  void watched(const Kind& kind, Revision after, Revision at, bool bookmark);
  // A command leaves a controller.
  void sent(const SentRequest& request);
  // A request of a run changed what a proxy does.
  void trafficChanged(const TrafficRequest& request, const std::map<std::string, BackendState>& backends);
  // A hook's request leaves a controller: its path is /<run>/<hook>/<Once or Often>.
  void requested(const std::string& url);
  // Log lines and whatever else people read (I46).
  void published(std::string_view where, std::string_view text);
  static constexpr std::string_view kSecret = "PLANTED-SECRET-7c1f";

  // A person changed a link by hand: what it names is nobody's promise until the next switch.
  void tampered(const std::string& server, const std::string& root) { tampered_.insert({server, root}); }

  struct RunView {
    ReleaseRun run;
    std::uint64_t order = 0;
  };
  const std::map<std::string, RunView>& runs() const { return runs_; }
  const RunView* openRunOf(const std::string& releaseUid) const;
  const std::map<std::string, Release>& releases() const { return releases_; }  // by uid, durable ones

  // HostObserver
  void entered(SimHost& host, const HostScript& script) override;
  void linkMoved(SimHost& host, const HostScript& script, const std::string& from, const std::string& to) override;
  void releaseRemoved(SimHost& host, const HostScript& script, const std::string& release) override;
  void commandBegins(SimHost& host, const HostScript& script, const std::string& name, bool idempotent) override;

 private:
  void runCommitted(const Json& object);
  void runEnded(const RunView& view);
  const ReleaseRun* runOfOperation(const std::string& operation) const;
  void checkTargets(const ReleaseRun& run, bool onNewVersion);
  void revertsAsAllowed(const ReleaseRun& run);
  void decisionsStay(const ReleaseRun& before, const ReleaseRun& after);
  void markRun(const ReleaseRun& before, const ReleaseRun& after);
  void releaseCommitted(const Json& object);
  void checkReady(const Release& release);
  void checkObserved(const Release& release);
  void conditionsKeepTimes(const std::vector<Condition>& before, const std::vector<Condition>& after);
  void leaseCommitted(const std::string& key, const Json& object);
  void removed(const std::string& key);
  std::string liveOn(const std::string& server, const Layout& layout) const;

  struct LeaseSeen {
    std::string holder;
    std::string last;  // the newest holder there was
    std::int64_t number = 0;
    SteadyTime when{};
  };

  bool outdated(const ReleaseRun& run, const SentRequest& request) const;

  Ports ports_;
  std::vector<Violation> violations_;
  std::array<std::uint64_t, kInvariants + 1> checks_{};
  std::map<std::string, std::uint64_t, std::less<>> sometimes_;
  std::uint64_t rollouts_ = 0;
  std::uint64_t runsMade_ = 0;
  std::map<std::string, RunView> runs_;         // by uid
  std::map<std::string, std::string> runUids_;  // by store key
  std::map<std::string, Release> releases_;     // by uid
  std::map<std::string, std::string> releaseUids_;
  std::map<std::string, std::pair<ReleaseSpec, std::string>> identities_;  // by uid: of a spec, found once
  std::map<std::string, LeaseSeen> leases_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> entered_;  // host, root → newest run's order
  std::map<std::pair<std::string, std::string>, std::uint64_t> fences_;   // host, root → highest fencing number
  std::map<std::string, std::map<std::string, LiveState>> before_;        // by run, host
  std::map<std::string, std::set<std::string>> movedBy_;                  // by run: hosts
  std::map<std::pair<std::string, std::string>, int> once_;               // operation, build step or hook
  std::map<std::string, int> requests_;                                   // by operation
  std::set<std::pair<std::string, std::string>> tampered_;
  std::set<std::pair<std::string, std::string>>
      byHand_;  // run, host: what it moved away from was put there by a person
  std::map<std::string, std::vector<Revision>, std::less<>> changes_;  // by "group/plural"
  std::map<std::string, std::set<std::string>> sentOps_;               // by open run
  std::map<std::string, std::set<std::string>>
      underWay_;                               // by run: handed over when it was decided to stop, not yet sent
  std::map<std::string, std::uint64_t> ends_;  // runs by how they ended
  ClusterLaw cluster_{[this](int law, bool holds, const std::string& what) { require(law, holds, what); }};
  RollingLaw rolling_{[this](int law, bool holds, const std::string& what) { require(law, holds, what); }};
  TrafficLaw traffic_;
};

// "<run uid>" of "<run uid>.<step>.<server>.<attempt>".
std::string runOf(const std::string& operation);
// "<step>" of the same.
std::string stepOf(const std::string& operation);

}  // namespace slipway::sim
