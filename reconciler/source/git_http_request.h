#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "reconciler/source/git_call.h"

namespace slipway::source {

struct GitHttpTarget {
  std::string url;
  bool post = false;
  std::string body;
  std::string contentType;  // the answer must have it: anything else is a web page
};

// Scheme, host and port are equal.
bool isSameServer(std::string_view a, std::string_view b);

// One request whose answer is read as it arrives, with at most about a megabyte of it in memory. Used by one thread;
// every wait ends at the call's deadline. Failures are left in the call; functions then answer -1.
class GitHttpRequest {
 public:
  GitHttpRequest(GitCall& call, GitHttpTarget target);
  ~GitHttpRequest();
  GitHttpRequest(const GitHttpRequest&) = delete;
  GitHttpRequest& operator=(const GitHttpRequest&) = delete;

  // Sends, and returns when the answer's head was judged.
  int begin();
  // Where a redirect points; empty: the answer is the wanted one.
  std::string redirectedTo() const;
  // `got` is 0 at the end.
  int read(char* out, std::size_t size, std::size_t& got);

 private:
  static std::size_t onBody(char* data, std::size_t size, std::size_t count, void* self);
  void setOptions();
  void setCredentials();
  void setHeaders();
  // Moves bytes until `wanted` holds, the answer ends or time is up.
  int pump(bool (GitHttpRequest::*wanted)() const);
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

}  // namespace slipway::source
