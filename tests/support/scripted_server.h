#pragma once

#include <array>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace slipway {

// A TCP server on loopback that answers the n-th request it reads with the n-th text of its script, byte for byte.
// A text that starts with '!' is sent without the mark, and the connection is closed after it.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::deque<std::string> script) : script_(std::move(script)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 8);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    {
      const std::lock_guard lock(mutex_);
      shutdown(current_, SHUT_RDWR);
    }
    thread_.join();
    close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  int port() const { return port_; }
  // What was read, a request each.
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  static std::string json(int status, const std::string& body) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static std::string chunk(const std::string& text) {
    std::array<char, 16> size{};
    snprintf(size.data(), size.size(), "%zx\r\n", text.size());
    return size.data() + text + "\r\n";
  }
  static std::string chunked() { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"; }

 private:
  void serve() {
    while (true) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) {
        return;
      }
      {
        const std::lock_guard lock(mutex_);
        current_ = connection;
      }
      talk(connection);
      const std::lock_guard lock(mutex_);
      current_ = -1;
      close(connection);
    }
  }

  void talk(int connection) {
    std::string read;
    std::array<char, 4096> piece{};
    while (true) {
      const std::size_t head = read.find("\r\n\r\n");
      const std::size_t mark = read.find("Content-Length: ");
      const std::size_t body = mark < head ? std::stoul(read.substr(mark + 16)) : 0;
      if (head == std::string::npos || read.size() < head + 4 + body) {
        const ssize_t size = recv(connection, piece.data(), piece.size(), 0);
        if (size <= 0) {
          return;
        }
        read.append(piece.data(), static_cast<std::size_t>(size));
        continue;
      }
      std::string answer;
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(read.substr(0, head + 4 + body));
        if (!script_.empty()) {
          answer = script_.front();
          script_.pop_front();
        }
      }
      read.erase(0, head + 4 + body);
      const bool last = answer.empty() || answer.front() == '!';
      const std::string bytes = last && !answer.empty() ? answer.substr(1) : answer;
      send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (last) {
        return;
      }
    }
  }

  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  int current_ = -1;
  std::deque<std::string> script_;
  std::vector<std::string> requests_;
  std::jthread thread_;
};

}  // namespace slipway
