#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "reconciler/base/clock.h"

namespace slipway::apiserver {

// One answer that goes on: a watch, a log that is followed. Used by the pump's thread only.
class StreamTask {
 public:
  virtual ~StreamTask() = default;
  // Sends what there is, without blocking. Nothing: the stream is over. Else when to be called again at the latest; it
  // is called earlier when its wake function was.
  virtual std::optional<SteadyTime> pump(SteadyTime now) = 0;
  // The server stops: end the stream properly.
  virtual void shutdown() = 0;
};

// Drives all streams on one thread, so that neither writers nor the store's committer ever wait for a client. step()
// does the tasks that are due; start() repeats it on the thread. Thread-safe but for step().
class StreamPump {
 public:
  explicit StreamPump(Clock& clock);
  ~StreamPump();
  StreamPump(const StreamPump&) = delete;
  StreamPump& operator=(const StreamPump&) = delete;

  void start();
  // Ends all streams and takes no more.
  void stop();
  bool step();

  // A task's wake function may be needed to make the task: take an id first. The function only signals; it outlives the
  // pump without harm.
  std::uint64_t reserve();
  std::function<void()> wakeOf(std::uint64_t id) const;
  void add(std::uint64_t id, std::unique_ptr<StreamTask> task);

 private:
  struct Mailbox {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::deque<std::uint64_t> ready;
    std::set<std::uint64_t> queued;
    void push(std::uint64_t id);
  };
  struct Running {
    std::unique_ptr<StreamTask> task;
    std::uint64_t timer = 0;
    SteadyTime due{};
  };

  void run(const std::stop_token& stop);
  void pump(std::uint64_t id);

  Clock& clock_;
  std::shared_ptr<Mailbox> mailbox_;
  std::mutex mutex_;  // guards added_, lastId_ and stopped_
  std::map<std::uint64_t, std::unique_ptr<StreamTask>> added_;
  std::uint64_t lastId_ = 0;
  bool stopped_ = false;
  std::map<std::uint64_t, Running> running_;  // the pump's thread only
  std::jthread thread_;
};

}  // namespace slipway::apiserver
