#include "reconciler/source/tcp_dial.h"

#include <array>
#include <cerrno>
#include <memory>

#include <curl/curl.h>
#include <fcntl.h>

#include "reconciler/base/strings.h"

namespace slipway::source {
namespace {

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

// curl resolves names on a thread that it can abandon, and tries all addresses; getaddrinfo can do neither.
class Dial {
 public:
  explicit Dial(const GitCall& call) : call_(call), multi_(curl_multi_init()), easy_(curl_easy_init()) {
    const GitUrl& to = call.url;
    const bool six = to.host.find(':') != std::string::npos;
    url_ = cat("http://", six ? "[" : "", to.host, six ? "]" : "", ":", to.port, "/");
    CURL* curl = easy_.get();
    curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_.data());
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(call.options.limits.connectTime);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limit.count()));
    curl_multi_add_handle(multi_.get(), curl);
  }
  ~Dial() { curl_multi_remove_handle(multi_.get(), easy_.get()); }
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

  Result<Fd> run() {
    while (const int wait = call_.waitMillis()) {
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      int left = 0;
      if (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left); message && message->msg == CURLMSG_DONE) {
        return socket(message->data.result);
      }
      curl_multi_poll(multi_.get(), nullptr, 0, wait, nullptr);
    }
    return Status(Code::Timeout, "no connection in time");
  }

 private:
  Result<Fd> socket(CURLcode result) const {
    if (result != CURLE_OK) {
      const Code code = result == CURLE_OPERATION_TIMEDOUT ? Code::Timeout : Code::Unavailable;
      return Status(code, error_[0] != '\0' ? printable(error_.data()) : std::string(curl_easy_strerror(result)));
    }
    curl_socket_t active = CURL_SOCKET_BAD;
    curl_easy_getinfo(easy_.get(), CURLINFO_ACTIVESOCKET, &active);
    Fd copy(::fcntl(active, F_DUPFD_CLOEXEC, 0));  // curl closes its own
    if (!copy.isOpen()) {
      return fileError("socket", errno);
    }
    return copy;
  }

  const GitCall& call_;
  std::string url_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::unique_ptr<CURL, FreeEasy> easy_;
};

}  // namespace

Result<Fd> dialServer(const GitCall& call) { return Dial(call).run(); }

}  // namespace slipway::source
