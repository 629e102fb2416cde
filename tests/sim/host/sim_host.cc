#include "tests/sim/host/sim_host.h"

#include <utility>

#include "tests/sim/host/host_script.h"

namespace slipway::sim {

SimHost::SimHost(HostWorld& world, HostObserver& observer, std::string name)
    : world_(world), observer_(observer), name_(std::move(name)) {
  files_.makeDirectories("/root");
  files_.makeDirectories("/tmp");
}

void SimHost::after(Duration delay, std::function<void()> action) {
  world_.after(delay, [this, boot = boots_, action = std::move(action)] {
    if (boot == boots_) {
      changed();
      action();
    }
  });
}

void SimHost::setRunning(int pid, bool running) {
  if (running) {
    running_.insert(pid);
  } else {
    running_.erase(pid);
  }
}

void SimHost::restart() {
  ++boots_;
  changed();
  running_.clear();
  processes_.clear();
  locks_.clear();
  supervisors_.clear();
  // The connections end with the processes; those tell their other ends.
  for (const auto& script : std::exchange(scripts_, {})) {
    script->die();
  }
}

void SimHost::setProcess(const std::string& directory, bool runs) {
  processes_.erase(directory);
  if (runs) {
    processes_.emplace(directory, world_.now());
  }
}

std::optional<SteadyTime> SimHost::process(const std::string& directory) const {
  const auto found = processes_.find(directory);
  return found == processes_.end() ? std::nullopt : std::optional<SteadyTime>(found->second);
}

bool SimHost::tryLock(const std::string& path, const void* owner) {
  const auto [held, taken] = locks_.emplace(path, owner);
  return taken || held->second == owner;
}

void SimHost::unlock(const std::string& path, const void* owner) {
  const auto held = locks_.find(path);
  if (held != locks_.end() && held->second == owner) {
    locks_.erase(held);
  }
}

void SimHost::unlockAll(const void* owner) {
  std::erase_if(locks_, [owner](const auto& held) { return held.second == owner; });
}

HostScript* SimHost::supervisor(const std::string& opDir) const {
  const auto found = supervisors_.find(opDir);
  return found == supervisors_.end() ? nullptr : found->second;
}

void SimHost::setSupervisor(const std::string& opDir, HostScript* script) {
  if (script == nullptr) {
    supervisors_.erase(opDir);
  } else {
    supervisors_[opDir] = script;
  }
}

void SimHost::killOperation(const std::string& opDir) {
  HostScript* script = supervisor(opDir);
  if (script == nullptr) {
    return;
  }
  const auto keep = script->shared_from_this();
  setSupervisor(opDir, nullptr);
  unlockAll(script);
  ended(keep);
  script->die();
}

}  // namespace slipway::sim
