#include "reconciler/source/git_transport_curl.h"

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include <git2.h>
#include <git2/sys/transport.h>

#include "reconciler/base/strings.h"
#include "reconciler/source/git_http_request.h"

namespace slipway::source {
namespace {

constexpr int kRedirects = 3;

// Both structures begin with libgit2's, which is how its callbacks find them.
struct HttpSubtransport {
  git_smart_subtransport base{};
  GitCall* call = nullptr;
};

struct HttpStream {
  git_smart_subtransport_stream base{};
  HttpSubtransport* owner = nullptr;
  bool advertisement = false;
  std::string request;
  std::unique_ptr<GitHttpRequest> http;
};

HttpStream& self(git_smart_subtransport_stream* stream) { return *reinterpret_cast<HttpStream*>(stream); }

std::string repository(const GitCall& call) { return call.movedTo.empty() ? call.url.canonical() : call.movedTo; }

GitHttpTarget target(const HttpStream& stream) {
  GitHttpTarget out;
  out.url = repository(*stream.owner->call) +
            (stream.advertisement ? "/info/refs?service=git-upload-pack" : "/git-upload-pack");
  out.post = !stream.advertisement;
  out.body = stream.request;
  out.contentType =
      stream.advertisement ? "application/x-git-upload-pack-advertisement" : "application/x-git-upload-pack-result";
  return out;
}

// Sends the request; follows a move of the repository on the same server.
int begin(HttpStream& stream) {
  HttpSubtransport& owner = *stream.owner;
  for (int hop = 0; hop <= kRedirects; ++hop) {
    stream.http = std::make_unique<GitHttpRequest>(*owner.call, target(stream));
    if (stream.http->begin() != 0) {
      return -1;
    }
    const std::string moved = stream.http->redirectedTo();
    if (moved.empty()) {
      return 0;
    }
    const std::size_t tail = moved.find("/info/refs");
    if (!stream.advertisement || tail == std::string::npos || !isSameServer(repository(*owner.call), moved)) {
      return owner.call->fail({Code::Invalid, "the git server redirects to another place: use that address"});
    }
    owner.call->movedTo = moved.substr(0, tail);
  }
  return owner.call->fail({Code::Invalid, "the git server redirects in circles"});
}

int onRead(git_smart_subtransport_stream* raw, char* buffer, std::size_t size, std::size_t* got) {
  HttpStream& stream = self(raw);
  if (!stream.http && begin(stream) != 0) {
    return -1;
  }
  return stream.http->read(buffer, size, *got);
}

// A negotiation round: libgit2 writes one request, reads the answer, then may ask again with a fresh stream.
int onWrite(git_smart_subtransport_stream* raw, const char* data, std::size_t size) {
  constexpr std::size_t kRequestBytes = 64U << 20U;
  HttpStream& stream = self(raw);
  if (stream.http || stream.request.size() + size > kRequestBytes) {
    return stream.owner->call->fail({Code::Internal, "unexpected write in the git protocol"});
  }
  stream.request.append(data, size);
  return 0;
}

void onStreamFree(git_smart_subtransport_stream* raw) { delete &self(raw); }

int onAction(git_smart_subtransport_stream** out, git_smart_subtransport* raw, const char* /*url*/,
             git_smart_service_t action) {
  auto& owner = *reinterpret_cast<HttpSubtransport*>(raw);
  if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK) {
    return owner.call->fail({Code::Internal, "only fetching is supported"});
  }
  auto stream = std::make_unique<HttpStream>();
  stream->base.subtransport = raw;
  stream->base.read = onRead;
  stream->base.write = onWrite;
  stream->base.free = onStreamFree;
  stream->owner = &owner;
  stream->advertisement = action == GIT_SERVICE_UPLOADPACK_LS;
  *out = &stream.release()->base;
  return 0;
}

int onClose(git_smart_subtransport* /*raw*/) { return 0; }

void onFree(git_smart_subtransport* raw) { delete reinterpret_cast<HttpSubtransport*>(raw); }

int newSubtransport(git_smart_subtransport** out, git_transport* /*owner*/, void* call) {
  auto transport = std::make_unique<HttpSubtransport>();
  transport->base.action = onAction;
  transport->base.close = onClose;
  transport->base.free = onFree;
  transport->call = static_cast<GitCall*>(call);
  *out = &transport.release()->base;
  return 0;
}

}  // namespace

int newCurlGitTransport(git_transport** out, git_remote* owner, void* call) {
  git_smart_subtransport_definition definition{newSubtransport, 1, call};
  return git_transport_smart(out, owner, &definition);
}

}  // namespace slipway::source
