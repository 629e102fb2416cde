#pragma once

#include <memory>
#include <string>
#include <string_view>

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
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace slipway::source
