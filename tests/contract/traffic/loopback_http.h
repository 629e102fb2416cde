#pragma once

#include <atomic>
#include <cctype>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace slipway {

// An instance of an application: answers every request with its name. A request for /hold is answered at release().
class NamedBackend {
 public:
  explicit NamedBackend(std::string name) : name_(std::move(name)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 512);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (::pipe(wake_) != 0) std::abort();
    thread_ = std::jthread([this] { serve(); });
  }
  ~NamedBackend() {
    end();
    for (const int fd : {wake_[0], wake_[1]}) ::close(fd);
  }
  NamedBackend(const NamedBackend&) = delete;
  NamedBackend& operator=(const NamedBackend&) = delete;

  const std::string& name() const { return name_; }
  int port() const { return port_; }
  int holding() const { return holding_; }
  // For good: nobody listens there any more.
  void end() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    poke();
    thread_.join();
    for (const auto& [fd, text] : connections_) ::close(fd);
    ::close(listener_);
  }
  void release() {
    released_ = true;
    poke();
  }

 private:
  void poke() { [[maybe_unused]] const auto n = ::write(wake_[1], "x", 1); }

  void serve() {
    while (!stopping_) {
      std::vector<pollfd> fds = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
      for (const auto& [fd, text] : connections_) fds.push_back({fd, POLLIN, 0});
      ::poll(fds.data(), fds.size(), -1);
      if (fds[1].revents != 0) {
        char drop[16];
        [[maybe_unused]] const auto n = ::read(wake_[0], drop, sizeof drop);
      }
      if (released_.exchange(false)) {
        for (const int fd : held_) answer(fd);
        held_.clear();
        holding_ = 0;
      }
      for (std::size_t i = 2; i < fds.size(); ++i) {
        if (fds[i].revents != 0) take(fds[i].fd);
      }
      if (fds[0].revents != 0) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) connections_[fd] = {};
      }
    }
  }

  void take(int fd) {
    char piece[8192];
    const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
    if (n <= 0) {
      ::close(fd);
      connections_.erase(fd);
      std::erase(held_, fd);
      return;
    }
    std::string& text = connections_[fd];
    text.append(piece, static_cast<std::size_t>(n));
    for (std::size_t end; (end = text.find("\r\n\r\n")) != std::string::npos; text.erase(0, end + 4)) {
      if (text.starts_with("GET /hold")) {
        held_.push_back(fd);
        ++holding_;
      } else {
        answer(fd);
      }
    }
  }

  void answer(int fd) const {
    const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name_.size()) + "\r\n\r\n" + name_;
    ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }

  std::string name_;
  int listener_ = -1;
  int port_ = 0;
  int wake_[2] = {-1, -1};
  std::map<int, std::string> connections_;
  std::vector<int> held_;
  std::atomic<int> holding_{0};
  std::atomic<bool> released_{false};
  std::atomic<bool> stopping_{false};
  std::jthread thread_;
};

// One request on a connection of its own, with these headers: all that came for it.
inline std::string rawGet(int port, const std::string& path, const std::string& headers = "") {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  std::string out;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request =
        "GET " + path + " HTTP/1.1\r\nHost: shop.example\r\n" + headers + "Connection: close\r\n\r\n";
    ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    char piece[8192];
    for (ssize_t n; (n = ::recv(fd, piece, sizeof piece, 0)) > 0;) out.append(piece, static_cast<std::size_t>(n));
  } else {
    out = std::string("connect: ") + std::strerror(errno);
  }
  ::close(fd);
  return out;
}

// The body of a 200, else "".
inline std::string bodyOf(const std::string& answer) {
  const std::size_t body = answer.find("\r\n\r\n");
  if (answer.find("HTTP/1.1 200") != 0 || body == std::string::npos) return {};
  std::string text = answer.substr(body + 4);
  if (answer.substr(0, body).find("chunked") != std::string::npos) {
    const std::size_t line = text.find("\r\n");
    text = text.substr(line + 2, std::stoul(text, nullptr, 16));
  }
  return text;
}

// One request on a connection of its own: the body of a 200, else "" with what came in `trouble`.
inline std::string httpGet(int port, const std::string& path = "/", std::string* trouble = nullptr) {
  const std::string out = rawGet(port, path);
  const std::string body = bodyOf(out);
  if (body.empty() && trouble != nullptr) *trouble = out.empty() ? "closed without an answer" : out;
  return body;
}

// Somebody who keeps the cookies that come.
class Visitor {
 public:
  explicit Visitor(int port) : port_(port) {}
  // Who answered.
  std::string visit() {
    const std::string answer = rawGet(port_, "/", cookie_.empty() ? "" : "Cookie: " + cookie_ + "\r\n");
    std::string head = answer.substr(0, answer.find("\r\n\r\n"));
    for (char& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (const std::size_t at = head.find("set-cookie: "); at != std::string::npos) {
      const std::size_t from = at + std::strlen("set-cookie: ");
      line_ = answer.substr(from, answer.find("\r\n", from) - from);
      cookie_ = line_.substr(0, line_.find(';'));
    }
    return bodyOf(answer);
  }
  // The last one that was set, with its attributes.
  const std::string& cookieLine() const { return line_; }

 private:
  int port_;
  std::string cookie_;
  std::string line_;
};

// How many of so many requests were answered by whom; "" stands for those that failed.
inline std::map<std::string, int> spread(int port, int requests) {
  std::mutex mutex;
  std::map<std::string, int> counts;
  std::atomic<int> left{requests};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        std::map<std::string, int> own;
        while (left.fetch_sub(1) > 0) ++own[httpGet(port)];
        const std::lock_guard lock(mutex);
        for (const auto& [name, count] : own) counts[name] += count;
      });
    }
  }
  return counts;
}

// Requests without a pause until the end of its life.
class SteadyLoad {
 public:
  // A connection that ends without one byte of an answer is made again so many times, as clients do.
  explicit SteadyLoad(int port, int retries = 0) {
    for (int i = 0; i < 3; ++i) {
      threads_.emplace_back([this, port, retries](const std::stop_token& stop) {
        while (!stop.stop_requested()) ask(port, retries);
      });
    }
  }
  // Ends it. What failed.
  std::vector<std::string> end() {
    threads_.clear();
    return failures_;
  }
  int sent() const { return sent_; }
  int again() const { return again_; }

 private:
  void ask(int port, int retries) {
    std::string trouble;
    ++sent_;
    for (int left = retries; httpGet(port, "/", &trouble).empty(); --left) {
      if (left > 0 && (trouble == "closed without an answer" || trouble.ends_with(std::strerror(ECONNRESET)))) {
        ++again_;
        continue;
      }
      const std::lock_guard lock(mutex_);
      failures_.push_back(trouble);
      return;
    }
  }

  std::mutex mutex_;
  std::vector<std::string> failures_;
  std::atomic<int> sent_{0};
  std::atomic<int> again_{0};
  std::vector<std::jthread> threads_;
};

}  // namespace slipway
