#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/base/random.h"
#include "reconciler/base/status.h"

namespace slipway::apiserver {

// Finds who a bearer token belongs to. Tokens are known only by their SHA-256, one a line in a file:
// "<64 hexadecimal digits> <user> [group,group…]"; lines that start with # are skipped. A missing file means no tokens.
// A changed file is read again with the next request. Thread-safe.
class Authenticator {
 public:
  // Without a path no token is ever accepted.
  explicit Authenticator(std::string tokenFile = {});

  // Nothing when no line matches. Takes the same time wherever a difference is.
  std::optional<Principal> authenticate(std::string_view token) const;

  // Makes a new random token, adds its hash to the file (mode 0600, written atomically) and returns the token: it is
  // not kept anywhere. Invalid when the user or a group is empty or has white space or a comma.
  static Result<std::string> addToken(const std::string& tokenFile, const Principal& principal, Random& random);

 private:
  struct Entry {
    std::string hash;
    Principal principal;
  };
  void refresh() const;

  std::string tokenFile_;
  mutable std::mutex mutex_;
  mutable std::string stamp_;  // size and times of the file that was read last
  mutable std::vector<Entry> entries_;
};

}  // namespace slipway::apiserver
