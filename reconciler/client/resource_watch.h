#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/client/api_client.h"

namespace slipway::client {

// Lists objects and then follows their changes, over lost connections and expired history: what was missed arrives as
// further Added, Modified and Deleted events. Events may repeat. Not thread-safe.
class ResourceWatch {
 public:
  // In one namespace (all when empty), of one object (all when `name` is empty), with these labels ("a=b,c"). `client`
  // and `clock` must outlive it.
  ResourceWatch(ApiClient& client, Clock& clock, const Kind& kind, ObjectKey key, std::string labels = {});

  // The next event; nothing when none came in time. Bookmarks and Expired are handled here and never shown. Lost
  // connections are an error only when the server cannot be reached for a minute; Denied and Invalid at once.
  Result<std::optional<WatchEvent>> next(Duration timeout);

 private:
  Status list();
  Status connect();
  Result<std::optional<WatchEvent>> follow(Duration timeout);
  void delayRetry();
  std::optional<WatchEvent> takeLine(const std::string& line);
  ApiRequest baseRequest() const;

  ApiClient& client_;
  Clock& clock_;
  const Kind kind_;
  const ObjectKey key_;
  const std::string labels_;
  bool listed_ = false;
  std::string version_;
  std::unique_ptr<ByteStream> stream_;
  std::vector<WatchEvent> waiting_;                       // in reverse order
  std::vector<std::pair<std::string, ObjectPtr>> known_;  // by uid, for what vanishes between two lists
  SteadyTime lastAnswer_;
  SteadyTime notBefore_;
  Duration backoff_{0};
};

}  // namespace slipway::client
