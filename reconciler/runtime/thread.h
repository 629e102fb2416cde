#pragma once

#include <functional>
#include <stop_token>
#include <thread>
#include <utility>

namespace slipway::runtime {

// The one place where this folder starts threads: a loop that ends soon after its stop token says so. Destruction stops
// and joins; as a member it goes last.
class Thread {
 public:
  Thread() = default;
  explicit Thread(std::function<void(const std::stop_token&)> loop)
      : thread_([run = std::move(loop)](const std::stop_token& stop) { run(stop); }) {}

  bool running() const { return thread_.joinable(); }
  void requestStop() { thread_.request_stop(); }
  // Blocks until the loop has returned; nothing to do when it never ran.
  void stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }

 private:
  std::jthread thread_;
};

}  // namespace slipway::runtime
