#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include "reconciler/base/status.h"

namespace slipway::transport {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

// Looks names up on threads of its own, because getaddrinfo blocks. Thread-safe. Destruction waits for look-ups under
// way and drops the others.
class NameResolver {
 public:
  using Done = std::function<void(Result<std::vector<SocketAddress>>)>;

  NameResolver();
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // Numeric addresses are answered at once, on the caller's thread; names on one of ours, or, where the machine gave us
  // none, on the caller's, which then waits. Unavailable when there is no such name.
  void resolve(const std::string& host, std::uint16_t port, Done done);

  // Blocks.
  static Result<std::vector<SocketAddress>> lookUp(const std::string& host, std::uint16_t port, bool numericOnly);

 private:
  struct Question {
    std::string host;
    std::uint16_t port = 0;
    Done done;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Question> questions_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace slipway::transport
