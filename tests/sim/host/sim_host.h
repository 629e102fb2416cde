#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/base/clock.h"
#include "tests/sim/host/files.h"
#include "tests/sim/host/shell.h"

namespace slipway::sim {

class HostScript;
class SimHost;

// What hosts share: time, and dice for how long things take.
class HostWorld {
 public:
  virtual ~HostWorld() = default;
  virtual SteadyTime now() const = 0;
  virtual WallTime wall() const = 0;
  virtual void after(Duration delay, std::function<void()> action) = 0;
  virtual std::uint64_t dice() = 0;
};

// Who is told what really happens on hosts, at the instant it happens. This is the truth that invariants are checked
// against.
class HostObserver {
 public:
  virtual ~HostObserver() = default;
  // A step's script has read its request and holds the lock that it needs.
  virtual void entered(SimHost&, const HostScript&) {}
  // current-ENVIRONMENT now names `to` (empty: it is gone), before `from`.
  virtual void linkMoved(SimHost&, const HostScript&, const std::string& /*from*/, const std::string& /*to*/) {}
  // A release directory is about to be taken away.
  virtual void releaseRemoved(SimHost&, const HostScript&, const std::string& /*release*/) {}
  // A command of the user's begins: a build step's name, "check" or a process action.
  virtual void commandBegins(SimHost&, const HostScript&, const std::string& /*name*/, bool /*idempotent*/) {}
};

// One simulated server: its files, locks and processes. A restart ends every process and every lock and keeps files.
class SimHost final : public Machine {
 public:
  SimHost(HostWorld& world, HostObserver& observer, std::string name);

  // Machine
  Files& files() override { return files_; }
  void after(Duration delay, std::function<void()> action) override;
  int newPid() override { return ++lastPid_; }
  void setRunning(int pid, bool running) override;

  const std::string& name() const { return name_; }
  HostWorld& world() { return world_; }
  HostObserver& observer() { return observer_; }
  bool isRunning(int pid) const { return running_.contains(pid); }
  void restart();
  // Goes up with everything that a controller which dies now may find otherwise: files, what runs, what is on its way.
  std::uint64_t changes() const { return changes_ + files_.changes(); }
  void changed() { ++changes_; }
  std::uint64_t boots() const { return boots_; }

  // Kernel locks, by path; they end with their owner.
  bool tryLock(const std::string& path, const void* owner);
  bool isLocked(const std::string& path) const { return locks_.contains(path); }
  void unlock(const std::string& path, const void* owner);
  void unlockAll(const void* owner);

  // The supervisor of the operation whose records are in `opDir`, while it runs.
  HostScript* supervisor(const std::string& opDir) const;
  void setSupervisor(const std::string& opDir, HostScript* script);

  // The application that a process action started in a release's directory: since when it runs. A restart ends it.
  void setProcess(const std::string& directory, bool runs);
  std::optional<SteadyTime> process(const std::string& directory) const;

  // Keeps a script alive while it runs.
  void began(const std::shared_ptr<HostScript>& script) { scripts_.insert(script); }
  void ended(const std::shared_ptr<HostScript>& script) { scripts_.erase(script); }
  std::size_t scripts() const { return scripts_.size(); }

  // Ends every process that works on an operation, as a crash of them would. `opDir` as in files.
  void killOperation(const std::string& opDir);

 private:
  HostWorld& world_;
  HostObserver& observer_;
  const std::string name_;
  Files files_;
  std::map<std::string, const void*> locks_;
  std::map<std::string, HostScript*> supervisors_;
  std::set<std::shared_ptr<HostScript>> scripts_;
  std::set<int> running_;
  std::map<std::string, SteadyTime> processes_;  // by directory
  int lastPid_ = 1000;
  std::uint64_t boots_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace slipway::sim
