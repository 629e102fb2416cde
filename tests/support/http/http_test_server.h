#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace slipway {

// A key and a self-signed certificate for 127.0.0.1 and localhost.
class TestCertificate {
 public:
  TestCertificate() : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509_set_version(certificate_, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), 3600);
    X509_set_pubkey(certificate_, key_);
    X509_NAME* name = X509_get_subject_name(certificate_);
    const auto* text = reinterpret_cast<const unsigned char*>("slipway test");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(certificate_, name);
    add(NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
    add(NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(certificate_, key_, EVP_sha256());
  }
  ~TestCertificate() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  EVP_PKEY* key() const { return key_; }
  X509* certificate() const { return certificate_; }
  std::string pem() const {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, certificate_);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(out);
    return text;
  }

 private:
  void add(int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(certificate_, extension, -1);
    X509_EXTENSION_free(extension);
  }
  EVP_PKEY* key_;
  X509* certificate_;
};

struct TestRequest {
  std::string method;
  std::string target;
  std::string head;  // request line and headers
  std::string body;
  // The header's value, or nothing.
  std::string header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    const std::size_t start = at + name.size() + 4;
    return at == std::string::npos ? std::string() : head.substr(start, head.find("\r\n", start) - start);
  }
};

// An HTTP server on a loopback port of its own, a thread per connection, one request each. The handler answers raw
// bytes; `stay` in front keeps the connection open after them until the server ends. With a certificate it speaks TLS.
class HttpTestServer {
 public:
  using Handler = std::function<std::string(const TestRequest&)>;
  inline static const std::string stay = std::string("\0stay", 5);

  explicit HttpTestServer(Handler handler, const TestCertificate* certificate = nullptr)
      : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::signal(SIGPIPE, SIG_IGN);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (certificate != nullptr) {
      context_ = SSL_CTX_new(TLS_server_method());
      SSL_CTX_use_certificate(context_, certificate->certificate());
      SSL_CTX_use_PrivateKey(context_, certificate->key());
    }
    acceptor_ = std::jthread([this](const std::stop_token& stop) { accept(stop); });
  }
  ~HttpTestServer() {
    acceptor_.request_stop();
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ending_ = true;
    connections_.clear();
    ::close(listener_);
    SSL_CTX_free(context_);
  }
  HttpTestServer(const HttpTestServer&) = delete;
  HttpTestServer& operator=(const HttpTestServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& path = "/") const {
    return (context_ == nullptr ? "http://127.0.0.1:" : "https://127.0.0.1:") + std::to_string(port_) + path;
  }
  std::vector<TestRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // Connections whose peer has gone, of those that stay.
  int leftByPeer() const { return left_; }

  static std::string answer(int status, const std::string& body, const std::string& headers = "") {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
  }

 private:
  // A plain or TLS connection.
  struct Peer {
    int fd;
    SSL* ssl = nullptr;
    int read(char* out, int size) const {
      return ssl == nullptr ? static_cast<int>(::read(fd, out, static_cast<std::size_t>(size)))
                            : SSL_read(ssl, out, size);
    }
    void write(const std::string& bytes) const {
      std::size_t done = 0;
      while (done < bytes.size()) {
        const auto rest = static_cast<int>(bytes.size() - done);
        const int sent = ssl == nullptr ? static_cast<int>(::write(fd, bytes.data() + done, bytes.size() - done))
                                        : SSL_write(ssl, bytes.data() + done, rest);
        if (sent <= 0) return;
        done += static_cast<std::size_t>(sent);
      }
    }
    ~Peer() {
      if (ssl != nullptr) SSL_shutdown(ssl);
      SSL_free(ssl);
      ::close(fd);
    }
  };

  void accept(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) connections_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    Peer peer{fd};
    if (context_ != nullptr) {
      peer.ssl = SSL_new(context_);
      SSL_set_fd(peer.ssl, fd);
      if (SSL_accept(peer.ssl) != 1) return;
    }
    TestRequest request;
    if (!readRequest(peer, request)) return;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    std::string bytes = handler_(request);
    const bool stays = bytes.starts_with(stay);
    peer.write(stays ? bytes.substr(stay.size()) : bytes);
    while (stays && !ending_) {
      pollfd entry{fd, POLLIN, 0};
      char byte = 0;
      if (::poll(&entry, 1, 20) > 0 && ::recv(fd, &byte, 1, 0) <= 0) {
        ++left_;
        return;
      }
    }
  }

  static bool readRequest(const Peer& peer, TestRequest& out) {
    std::string bytes;
    std::size_t end = 0;
    while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
      if (!more(peer, bytes)) return false;
    }
    out.head = bytes.substr(0, end + 2);
    out.method = out.head.substr(0, out.head.find(' '));
    const std::size_t target = out.method.size() + 1;
    out.target = out.head.substr(target, out.head.find(' ', target) - target);
    const std::string length = out.header("Content-Length");
    const std::size_t wanted = end + 4 + (length.empty() ? 0 : std::stoul(length));
    while (bytes.size() < wanted) {
      if (!more(peer, bytes)) return false;
    }
    out.body = bytes.substr(end + 4);
    return true;
  }

  static bool more(const Peer& peer, std::string& bytes) {
    char buffer[16384];
    const int got = peer.read(buffer, sizeof buffer);
    if (got <= 0) return false;
    bytes.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  const Handler handler_;
  const int listener_;
  int port_ = 0;
  SSL_CTX* context_ = nullptr;
  std::atomic<bool> ending_ = false;
  std::atomic<int> left_ = 0;
  mutable std::mutex mutex_;
  std::vector<TestRequest> requests_;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

}  // namespace slipway
