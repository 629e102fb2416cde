#include "reconciler/source/git_http_request.h"

#include <array>
#include <cstring>

#include <curl/curl.h>

#include "reconciler/base/strings.h"

namespace slipway::source {
namespace {

constexpr std::size_t kBufferBytes = 1U << 20U;

std::string_view serverOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  return scheme == std::string_view::npos ? std::string_view() : url.substr(0, url.find_first_of("/?#", scheme + 3));
}

long millis(Duration duration) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

bool isCertificateError(CURLcode result) {
  return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_ISSUER_ERROR ||
         result == CURLE_SSL_CACERT_BADFILE;
}

}  // namespace

struct GitHttpRequest::State {
  State(GitCall& call, GitHttpTarget target);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  int begin();
  std::string redirectedTo() const;
  int read(char* out, std::size_t size, std::size_t& got);
  static std::size_t onBody(char* data, std::size_t size, std::size_t count, void* self);
  void setOptions();
  void setCredentials();
  void setHeaders();
  // Moves bytes until `wanted` holds, the answer ends or time is up.
  int pump(bool (State::*wanted)() const);
  bool hasHead() const { return headJudged_ || done_; }
  bool hasBytes() const { return buffer_.size() > taken_ || done_; }
  int finished(CURLcode result);
  bool isRedirect() const;
  int judgeHead();
  int judgeStatus(long status);

  struct FreeMulti {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  GitCall& call_;
  const GitHttpTarget target_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::string buffer_;
  std::size_t taken_ = 0;
  bool paused_ = false;
  bool headJudged_ = false;
  bool done_ = false;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::unique_ptr<CURL, FreeEasy> easy_;
};

bool isSameServer(std::string_view a, std::string_view b) {
  return !serverOf(a).empty() && lowerAscii(serverOf(a)) == lowerAscii(serverOf(b));
}

GitHttpRequest::State::State(GitCall& call, GitHttpTarget target)
    : call_(call), target_(std::move(target)), multi_(curl_multi_init()), easy_(curl_easy_init()) {
  setOptions();
  setCredentials();
  setHeaders();
  curl_multi_add_handle(multi_.get(), easy_.get());
}

GitHttpRequest::State::~State() { curl_multi_remove_handle(multi_.get(), easy_.get()); }

void GitHttpRequest::State::setOptions() {
  CURL* curl = easy_.get();
  curl_easy_setopt(curl, CURLOPT_URL, target_.url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, call_.options.proxy.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));  // pausing stalls HTTP/2
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, millis(call_.options.limits.connectTime));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, std::max(1L, millis(call_.options.limits.stallTime) / 1000));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, onBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  if (target_.post) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(target_.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, target_.body.data());
  }
}

void GitHttpRequest::State::setCredentials() {
  CURL* curl = easy_.get();
  const SourceCredentials& credentials = call_.credentials;
  if (!credentials.caCertificate.empty()) {  // the Secret's CA alone counts, not the machine's
    curl_blob blob{const_cast<char*>(credentials.caCertificate.data()), credentials.caCertificate.size(),
                   CURL_BLOB_COPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  if (!credentials.password.empty()) {
    const std::string user = credentials.username.empty() ? "token" : credentials.username;
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_USERNAME, user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, credentials.password.c_str());
  }
}

void GitHttpRequest::State::setHeaders() {
  // Forges choose the smart protocol by the name "git/".
  curl_slist* list = curl_slist_append(nullptr, "User-Agent: git/2.39 (slipway)");
  list = curl_slist_append(list, "Expect:");
  list = curl_slist_append(list, cat("Accept: ", target_.contentType).c_str());
  if (target_.post) {
    list = curl_slist_append(list, "Content-Type: application/x-git-upload-pack-request");
  }
  headers_.reset(list);
  curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, list);
}

std::size_t GitHttpRequest::State::onBody(char* data, std::size_t size, std::size_t count, void* self) {
  auto& request = *static_cast<State*>(self);
  const std::size_t bytes = size * count;
  if (request.judgeHead() != 0) {
    return CURL_WRITEFUNC_ERROR;
  }
  if (request.isRedirect()) {
    return bytes;  // a page for people; where to go is known at the end
  }
  if (request.buffer_.size() - request.taken_ > kBufferBytes) {
    request.paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (!request.call_.count(bytes)) {
    return CURL_WRITEFUNC_ERROR;
  }
  request.buffer_.append(data, bytes);
  return bytes;
}

int GitHttpRequest::State::pump(bool (State::*wanted)() const) {
  while (!(this->*wanted)()) {
    const int wait = call_.waitMillis();
    if (wait == 0) {
      return call_.failLate();
    }
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg == CURLMSG_DONE && finished(message->data.result) != 0) {
        return -1;
      }
    }
    if (!(this->*wanted)()) {
      curl_multi_poll(multi_.get(), nullptr, 0, wait, nullptr);
    }
  }
  return 0;
}

int GitHttpRequest::State::begin() { return pump(&State::hasHead); }

int GitHttpRequest::State::read(char* out, std::size_t size, std::size_t& got) {
  got = 0;
  if (!hasBytes()) {
    if (paused_) {
      paused_ = false;
      curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
    }
    if (pump(&State::hasBytes) != 0) {
      return -1;
    }
  }
  got = std::min(size, buffer_.size() - taken_);
  std::memcpy(out, buffer_.data() + taken_, got);
  taken_ += got;
  if (taken_ == buffer_.size()) {
    buffer_.clear();
    taken_ = 0;
  }
  return 0;
}

int GitHttpRequest::State::finished(CURLcode result) {
  done_ = true;
  if (!call_.failure) {
    return -1;
  }
  if (result == CURLE_OK) {
    const bool lost = isRedirect() && redirectedTo().empty();
    return lost ? call_.fail({Code::Invalid, "the git server redirects without saying where to"}) : judgeHead();
  }
  const std::string reason = error_[0] != '\0' ? std::string(error_.data()) : curl_easy_strerror(result);
  if (isCertificateError(result)) {
    return call_.fail({Code::Denied, cat("the server's certificate is not trusted: ", printable(reason),
                                         "; put the certificate authority into ca.crt of the Secret")});
  }
  const Code code = result == CURLE_OPERATION_TIMEDOUT ? Code::Timeout : Code::Unavailable;
  return call_.fail({code, printable(reason)});
}

// From the header itself: what curl offers for this has our password in it.
std::string GitHttpRequest::State::redirectedTo() const {
  curl_header* location = nullptr;
  if (!isRedirect() || curl_easy_header(easy_.get(), "Location", 0, CURLH_HEADER, -1, &location) != CURLHE_OK) {
    return {};
  }
  const std::string_view to = location->value;
  return to.starts_with('/') && !to.starts_with("//") ? cat(serverOf(target_.url), to) : std::string(to);
}

bool GitHttpRequest::State::isRedirect() const {
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  return status >= 300 && status < 400;
}

int GitHttpRequest::State::judgeHead() {
  if (headJudged_ || (isRedirect() && !done_)) {
    return 0;
  }
  headJudged_ = true;
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    return isRedirect() ? 0 : judgeStatus(status);
  }
  const char* type = nullptr;
  curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_TYPE, &type);
  if (type == nullptr || !std::string_view(type).starts_with(target_.contentType)) {
    return call_.fail({Code::Invalid, "the answer is no git repository but a web page or a plain file server"});
  }
  return 0;
}

int GitHttpRequest::State::judgeStatus(long status) {
  if (status == 401 || status == 403) {
    return call_.fail({Code::Denied, cat("authentication failed (HTTP ", status, "): ", call_.credentialName())});
  }
  if (status == 404 || status == 410) {
    return call_.fail(
        {Code::NotFound, cat("repository not found, or hidden from these credentials (", call_.credentialName(), ")")});
  }
  const bool later = status >= 500 || status == 429 || status == 408;
  return call_.fail({later ? Code::Unavailable : Code::Invalid, cat("the git server answered HTTP ", status)});
}

GitHttpRequest::GitHttpRequest(GitCall& call, GitHttpTarget target)
    : state_(std::make_unique<State>(call, std::move(target))) {}
GitHttpRequest::~GitHttpRequest() = default;

int GitHttpRequest::begin() { return state_->begin(); }
std::string GitHttpRequest::redirectedTo() const { return state_->redirectedTo(); }
int GitHttpRequest::read(char* out, std::size_t size, std::size_t& got) { return state_->read(out, size, got); }

}  // namespace slipway::source
