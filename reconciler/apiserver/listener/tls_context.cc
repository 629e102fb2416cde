#include "reconciler/apiserver/listener/tls_context.h"

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {
namespace {

namespace ssl = boost::asio::ssl;

// Clients that offer HTTP/2 first must be told that only HTTP/1.1 is spoken here.
int selectProtocol(SSL*, const unsigned char** out, unsigned char* outSize, const unsigned char* in,
                   unsigned int inSize, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, outSize, kHttp11, sizeof kHttp11, in, inSize) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::string entryText(const X509_NAME_ENTRY* entry) {
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(entry));
  if (size < 0) {
    return {};
  }
  std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  const bool clean = text.find('\0') == std::string::npos && printable(text) == text;
  return clean ? text : std::string();
}

boost::asio::const_buffer bufferOf(const std::string& text) { return boost::asio::buffer(text.data(), text.size()); }

}  // namespace

TlsContext::TlsContext() : context_(std::make_unique<ssl::context>(ssl::context::tls_server)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::create(const TlsMaterial& material) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  ssl::context& context = *made->context_;
  SSL_CTX* native = context.native_handle();
  boost::system::error_code error;
  const auto invalid = [&](std::string_view what) {
    return Status(Code::Invalid, cat("TLS ", what, " cannot be used: ", error.message()));
  };
  if (context.use_certificate_chain(bufferOf(material.certificate), error); error) {
    return invalid("certificate");
  }
  if (context.use_private_key(bufferOf(material.key), ssl::context::pem, error); error) {
    return invalid("key");
  }
  if (!material.clientCa.empty()) {
    if (context.add_certificate_authority(bufferOf(material.clientCa), error); error) {
      return invalid("client CA");
    }
    context.set_verify_mode(ssl::verify_peer, error);
    SSL_CTX_set_verify_depth(native, 3);
  }
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_options(
      native, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, selectProtocol, nullptr);
  return made;
}

std::optional<Principal> peerPrincipal(ssl_st* connection) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(connection), X509_free);
  if (!certificate || SSL_get_verify_result(connection) != X509_V_OK) {
    return std::nullopt;
  }
  Principal principal;
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  for (int index = 0; index < X509_NAME_entry_count(subject); ++index) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, index);
    const int field = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    std::string text = entryText(entry);
    if (field == NID_commonName) {
      principal.user = std::move(text);
    } else if (field == NID_organizationName && !text.empty()) {
      principal.groups.push_back(std::move(text));
    }
  }
  return principal.user.empty() ? std::nullopt : std::optional(principal);
}

}  // namespace slipway::apiserver
