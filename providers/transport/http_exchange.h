#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "providers/transport/outbound/address_rules.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"
#include "reconciler/ports/http_client.h"

using CURL = void;  // as <curl/curl.h> declares it

namespace slipway::transport {

// One request or connection attempt as a curl easy handle. Used by one thread at a time.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual CURL* handle() = 0;
  // What the exchange is about, without user and query: for messages.
  virtual const std::string& subject() const = 0;
  // What curl's result (a CURLcode) means.
  virtual Status outcome(int result) = 0;
  // Calls the caller's function. Call once, after the handle left its multi handle.
  virtual void done(const Status& outcome) = 0;

  std::string_view type;  // http or tcp: for metrics
  Duration timeout{0};
  SteadyTime begun{};
};

// Invalid, with the reason, for what must not reach the wire: another scheme, credentials in the URL, a header or a
// method with control characters.
Status checkRequest(const HttpClientRequest& request);
Status checkAddress(const std::string& host, int port);

// With `rules` only to where they allow; without, anywhere but to link-local, multicast and metadata addresses.
std::unique_ptr<Exchange> newHttpExchange(HttpClientRequest request, std::shared_ptr<const OutboundRules> rules,
                                          std::function<void(Result<HttpClientResponse>)> done);
std::unique_ptr<Exchange> newConnectExchange(const std::string& host, int port,
                                             std::shared_ptr<const OutboundRules> rules,
                                             std::function<void(Status)> done);

}  // namespace slipway::transport
