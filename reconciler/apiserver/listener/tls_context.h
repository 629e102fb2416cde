#pragma once

#include <memory>
#include <optional>
#include <string>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/base/status.h"

struct ssl_st;
namespace boost::asio::ssl {
class context;
}

namespace slipway::apiserver {

struct TlsMaterial {
  std::string certificate;  // PEM, with its chain
  std::string key;          // PEM
  std::string clientCa;     // PEM; client certificates are asked for, and must be signed by it when one is given
};

// What every TLS connection of a listener shares: TLS 1.2 or later, forward-secret AEAD suites, no resumption, HTTP/1.1
// by ALPN. Immutable, thread-safe.
class TlsContext {
 public:
  // Invalid when certificate, key or CA cannot be used.
  static Result<std::shared_ptr<TlsContext>> create(const TlsMaterial& material);
  ~TlsContext();

  boost::asio::ssl::context& native() { return *context_; }

 private:
  TlsContext();
  std::unique_ptr<boost::asio::ssl::context> context_;
};

// Who a handshake's verified client certificate names: common name and organisations. Nothing without a certificate or
// with an empty or unprintable common name.
std::optional<Principal> peerPrincipal(ssl_st* connection);

}  // namespace slipway::apiserver
