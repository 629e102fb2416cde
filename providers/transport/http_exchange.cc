#include "providers/transport/http_exchange.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reconciler/base/strings.h"

namespace slipway::transport {
namespace {

constexpr std::size_t kHeaderLimit = 64U << 10U;
constexpr std::size_t kUrlLimit = 8U << 10U;

bool hasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

bool isToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || (c != 0 && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
  });
}

// Scheme, host, port and path: no user, password or query, which may carry secrets.
std::string urlForPeople(const std::string& url) {
  const std::size_t end = url.find_first_of("?#");
  return printable(url.substr(0, end));
}

// Where a connection may go to, and why the last one was refused.
struct Gate {
  std::shared_ptr<const OutboundRules> rules;  // none: servers, which may be anywhere but where nothing of ours goes
  std::string refusal;
};

curl_socket_t openSocket(void* data, curlsocktype /*purpose*/, struct curl_sockaddr* address) {
  auto& gate = *static_cast<Gate*>(data);
  const bool ip = address->family == AF_INET || address->family == AF_INET6;
  if (gate.rules != nullptr) {
    gate.refusal = gate.rules->refusal(address->addr);
  } else if (!ip || isNeverConnected(addressOf(address->addr))) {
    gate.refusal = "link-local, multicast and metadata addresses are not connected to";
  }
  if (!gate.refusal.empty()) {
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

class CurlExchange : public Exchange {
 public:
  CurlExchange(std::string subject, std::shared_ptr<const OutboundRules> rules) : subject_(std::move(subject)) {
    gate_.rules = std::move(rules);
    CURL* curl = handle();
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer must not hold our thread
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);  // a check that rides on an old connection proves less
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_.data());
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, openSocket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &gate_);
  }
  CURL* handle() override { return curl_.get(); }
  const std::string& subject() const override { return subject_; }

  Status outcome(int result) override {
    if (result == CURLE_OK) {
      return Status::ok();
    }
    if (!gate_.refusal.empty()) {
      return {gate_.rules == nullptr ? Code::Unavailable : Code::Denied, cat(subject_, ": ", gate_.refusal)};
    }
    const std::string reason =
        error_[0] != '\0' ? std::string(error_.data()) : curl_easy_strerror(static_cast<CURLcode>(result));
    const bool invalid = result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL;
    return {invalid ? Code::Invalid : Code::Unavailable, cat(subject_, ": ", printable(reason))};
  }

 private:
  struct Cleanup {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  };
  std::string subject_;
  Gate gate_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::unique_ptr<CURL, Cleanup> curl_{curl_easy_init()};
};

class HttpExchange final : public CurlExchange {
 public:
  HttpExchange(HttpClientRequest request, std::shared_ptr<const OutboundRules> rules,
               std::function<void(Result<HttpClientResponse>)> done)
      : CurlExchange(urlForPeople(request.url), std::move(rules)),
        request_(std::move(request)),
        done_(std::move(done)) {
    CURL* curl = handle();
    curl_easy_setopt(curl, CURLOPT_URL, request_.url.c_str());
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, request_.verifyCertificate ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, request_.verifyCertificate ? 2L : 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, onBody);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, onHeader);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
    setMethod();
    setHeaders();
  }

  Status outcome(int result) override {
    const bool cut = result == CURLE_WRITE_ERROR && bodyFull_;
    if (Status status = CurlExchange::outcome(cut ? CURLE_OK : result); !status) {
      return headersTooBig_ ? Status(Code::Unavailable, cat(subject(), ": the answer's headers are over 64 KiB"))
                            : status;
    }
    long status = 0;
    curl_easy_getinfo(handle(), CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    return Status::ok();
  }

  void done(const Status& outcome) override {
    if (outcome) {
      done_(std::move(response_));
    } else {
      done_(outcome);
    }
  }

 private:
  void setMethod() {
    if (request_.method == "HEAD") {
      curl_easy_setopt(handle(), CURLOPT_NOBODY, 1L);
      return;
    }
    if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT") {
      curl_easy_setopt(handle(), CURLOPT_POST, 1L);
      curl_easy_setopt(handle(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      curl_easy_setopt(handle(), CURLOPT_POSTFIELDS, request_.body.data());
    }
    curl_easy_setopt(handle(), CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }

  void setHeaders() {
    curl_slist* list = curl_slist_append(nullptr, "Expect:");
    bool agent = false;
    for (const auto& [name, value] : request_.headers) {
      agent = agent || lowerAscii(name) == "user-agent";
      list = curl_slist_append(list, value.empty() ? cat(name, ";").c_str() : cat(name, ": ", value).c_str());
    }
    if (!agent) {
      list = curl_slist_append(list, "User-Agent: slipway");
    }
    headers_.reset(list);
    curl_easy_setopt(handle(), CURLOPT_HTTPHEADER, list);
  }

  static std::size_t onBody(char* data, std::size_t size, std::size_t count, void* self) {
    auto& exchange = *static_cast<HttpExchange*>(self);
    const std::size_t bytes = size * count;
    const std::size_t room = exchange.request_.bodyLimit - exchange.response_.body.size();
    exchange.response_.body.append(data, std::min(bytes, room));
    exchange.bodyFull_ = bytes > room;
    return exchange.bodyFull_ ? CURL_WRITEFUNC_ERROR : bytes;
  }

  static std::size_t onHeader(char* /*data*/, std::size_t size, std::size_t count, void* self) {
    auto& exchange = *static_cast<HttpExchange*>(self);
    exchange.headerBytes_ += size * count;
    exchange.headersTooBig_ = exchange.headerBytes_ > kHeaderLimit;
    return exchange.headersTooBig_ ? 0 : size * count;
  }

  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  HttpClientRequest request_;
  std::function<void(Result<HttpClientResponse>)> done_;
  HttpClientResponse response_;
  std::size_t headerBytes_ = 0;
  bool bodyFull_ = false;
  bool headersTooBig_ = false;
  std::unique_ptr<curl_slist, FreeList> headers_;
};

class ConnectExchange final : public CurlExchange {
 public:
  ConnectExchange(const std::string& host, int port, std::shared_ptr<const OutboundRules> rules,
                  std::function<void(Status)> done)
      : CurlExchange(cat(host, ":", port), std::move(rules)), done_(std::move(done)) {
    const bool bareIpv6 = host.find(':') != std::string::npos && host.front() != '[';
    const std::string url = bareIpv6 ? cat("http://[", host, "]:", port, "/") : cat("http://", host, ":", port, "/");
    curl_easy_setopt(handle(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle(), CURLOPT_CONNECT_ONLY, 1L);
  }
  void done(const Status& outcome) override { done_(outcome); }

 private:
  std::function<void(Status)> done_;
};

}  // namespace

Status checkRequest(const HttpClientRequest& request) {
  const std::string scheme = lowerAscii(request.url.substr(0, request.url.find("://")));
  if (scheme != "http" && scheme != "https") {
    return {Code::Invalid, cat("URL \"", urlForPeople(request.url), "\": only http:// and https:// can be asked")};
  }
  if (request.url.size() > kUrlLimit || hasControl(request.url) || request.url.find(' ') != std::string::npos) {
    return {Code::Invalid, cat("URL \"", urlForPeople(request.url.substr(0, 200)),
                               "\": longer than 8 KiB, or with spaces or control characters")};
  }
  const std::size_t authority = request.url.find("://") + 3;
  const std::string host = request.url.substr(authority, request.url.find_first_of("/?#", authority) - authority);
  if (host.empty() || host.find('@') != std::string::npos) {
    return {Code::Invalid, "URL: needs a host, and takes no user or password in it: send them as a header"};
  }
  if (!isToken(request.method)) {
    return {Code::Invalid, cat("method \"", printable(request.method), "\": not an HTTP method")};
  }
  for (const auto& [name, value] : request.headers) {
    if (!isToken(name) || hasControl(value)) {
      return {Code::Invalid, cat("header \"", printable(name), "\": its name or value has characters HTTP forbids")};
    }
  }
  return Status::ok();
}

Status checkAddress(const std::string& host, int port) {
  const bool plain = !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']' || c == '%';
  });
  if (!plain || host.front() == '-') {
    return {Code::Invalid, cat("host \"", printable(host), "\": not a host name or IP address")};
  }
  if (port < 1 || port > 65535) {
    return {Code::Invalid, cat("port ", port, ": must be 1 to 65535")};
  }
  return Status::ok();
}

std::unique_ptr<Exchange> newHttpExchange(HttpClientRequest request, std::shared_ptr<const OutboundRules> rules,
                                          std::function<void(Result<HttpClientResponse>)> done) {
  return std::make_unique<HttpExchange>(std::move(request), std::move(rules), std::move(done));
}

std::unique_ptr<Exchange> newConnectExchange(const std::string& host, int port,
                                             std::shared_ptr<const OutboundRules> rules,
                                             std::function<void(Status)> done) {
  return std::make_unique<ConnectExchange>(host, port, std::move(rules), std::move(done));
}

}  // namespace slipway::transport
