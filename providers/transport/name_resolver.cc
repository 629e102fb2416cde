#include "providers/transport/name_resolver.h"

#include <cstring>
#include <optional>
#include <system_error>

#include <netdb.h>

#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr int kThreads = 4;  // one dead name server holds up one of them, not all connections

}  // namespace

NameResolver::NameResolver() {
  for (int i = 0; i < kThreads; ++i) {
    try {
      threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {
      break;  // fewer will do
    }
  }
}

NameResolver::~NameResolver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    questions_.clear();
  }
  wake_.notify_all();
}

void NameResolver::resolve(const std::string& host, std::uint16_t port, Done done) {
  Result<std::vector<SocketAddress>> numeric = lookUp(host, port, true);
  if (numeric || threads_.empty()) {
    done(numeric ? std::move(numeric) : lookUp(host, port, false));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    questions_.push_back({host, port, std::move(done)});
  }
  wake_.notify_one();
}

Result<std::vector<SocketAddress>> NameResolver::lookUp(const std::string& host, std::uint16_t port, bool numericOnly) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (numericOnly ? AI_NUMERICHOST : AI_ADDRCONFIG);
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return Status(Code::Unavailable, cat("cannot resolve \"", printable(host), "\": ", ::gai_strerror(error)));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
    addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  return addresses;
}

void NameResolver::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !questions_.empty(); });
    if (stopping_) {
      return;
    }
    std::optional<Question> question = std::move(questions_.front());
    questions_.pop_front();
    lock.unlock();
    question->done(lookUp(question->host, question->port, false));
    question.reset();  // what it holds may be the last of a connection, whose end is no matter of ours
    lock.lock();
  }
}

}  // namespace slipway::transport
