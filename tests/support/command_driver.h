#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "reconciler/base/system.h"
#include "reconciler/ports/command_runner.h"

namespace slipway {

// One command under way and what came of it.
class RunningCommand {
 public:
  static std::shared_ptr<RunningCommand> start(CommandRunner& runner, const RemoteTarget& target,
                                               RemoteCommand command) {
    auto running = std::make_shared<RunningCommand>();
    if (command.deadline == SteadyTime{}) {
      command.deadline = SteadyTime(std::chrono::steady_clock::now()) + std::chrono::seconds(60);
    }
    RemoteEvents events;
    events.started = [running] { running->change([&] { running->started = true; }); };
    events.drained = [running] { running->change([&] { ++running->drained; }); };
    events.output = [running](std::string_view bytes) { running->change([&] { running->output += bytes; }); };
    events.error = [running](std::string_view bytes) { running->change([&] { running->error += bytes; }); };
    events.exit = [running](const Result<int>& ended) {
      running->change([&] {
        ++running->exits;
        running->exit = ended;
      });
    };
    running->process = runner.start(target, std::move(command), std::move(events));
    return running;
  }
  static std::shared_ptr<RunningCommand> start(CommandRunner& runner, const RemoteTarget& target,
                                               const std::string& command) {
    RemoteCommand remote;
    remote.command = command;
    return start(runner, target, remote);
  }

  Result<int> wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return exit.has_value(); });
    return *exit;
  }
  void waitForOutput(const std::string& text) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return exit.has_value() || output.find(text) != std::string::npos; });
  }
  template <typename F>
  void change(F&& f) {
    const std::lock_guard lock(mutex);
    f();
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<RemoteProcess> process;
  std::string output;
  std::string error;
  std::optional<Result<int>> exit;
  bool started = false;
  int drained = 0;
  int exits = 0;
};

}  // namespace slipway
