#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace slipway {

// A raw TCP connection to 127.0.0.1, for tests that must send what no client library would.
class LoopbackClient {
 public:
  explicit LoopbackClient(std::uint16_t port, int receiveBuffer = 0) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receiveBuffer > 0) {
      setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~LoopbackClient() { close(); }
  LoopbackClient(const LoopbackClient&) = delete;
  LoopbackClient& operator=(const LoopbackClient&) = delete;

  bool connected() const { return connected_; }
  int descriptor() const { return socket_; }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Reads until `text` was seen, the other side closed, or `most` passed. Everything read so far.
  const std::string& readUntil(std::string_view text, std::chrono::milliseconds most = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (received_.find(text) == std::string::npos && !closed_) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      pollfd ready{socket_, POLLIN, 0};
      if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0) {
        break;
      }
      std::array<char, 16384> chunk{};
      const ssize_t size = recv(socket_, chunk.data(), chunk.size(), 0);
      if (size <= 0) {
        closed_ = true;
      } else {
        received_.append(chunk.data(), static_cast<std::size_t>(size));
      }
    }
    return received_;
  }
  // Everything until the other side closes.
  const std::string& readAll(std::chrono::milliseconds most = std::chrono::seconds(10)) {
    return readUntil(std::string_view("\0never\0", 7), most);
  }
  bool closedByPeer() const { return closed_; }

  void close() {
    if (socket_ >= 0) {
      ::close(socket_);
      socket_ = -1;
    }
  }

 private:
  int socket_;
  bool connected_ = false;
  bool closed_ = false;
  std::string received_;
};

}  // namespace slipway
