#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "reconciler/ports/command_runner.h"

namespace slipway {

// Keeps the commands it was given; the test ends them.
class FakeCommandRunner final : public CommandRunner {
 public:
  std::shared_ptr<RemoteProcess> start(const RemoteTarget& target, RemoteCommand command,
                                       RemoteEvents events) override {
    const std::lock_guard lock(mutex_);
    started_.push_back({target.name, std::move(command), std::move(events)});
    return std::make_shared<Process>();
  }
  // The servers of the commands that run.
  std::vector<std::string> running() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const Started& one : started_) names.push_back(one.server);
    return names;
  }
  // Ends the oldest, which says something first.
  void end(const Result<int>& exit, std::string_view says = {}) {
    Started one;
    {
      const std::lock_guard lock(mutex_);
      one = std::move(started_.front());
      started_.erase(started_.begin());
    }
    if (!says.empty() && one.events.output) one.events.output(says);
    one.events.exit(exit);
  }

 private:
  struct Started {
    std::string server;
    RemoteCommand command;
    RemoteEvents events;
  };
  struct Process final : RemoteProcess {
    void write(std::string) override {}
    void closeInput() override {}
    void cancel() override {}
  };

  mutable std::mutex mutex_;
  std::vector<Started> started_;
};

}  // namespace slipway
