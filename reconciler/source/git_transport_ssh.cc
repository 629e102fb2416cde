#include "reconciler/source/git_transport_ssh.h"

#include <memory>

#include <git2.h>
#include <git2/sys/transport.h>

#include "reconciler/source/git_ssh_connection.h"

namespace slipway::source {
namespace {

// Both structures begin with libgit2's, which is how its callbacks find them. One connection serves the list of refs
// and then the fetch: the stream is the same.
struct SshStream;

struct SshSubtransport {
  git_smart_subtransport base{};
  GitCall* call = nullptr;
  std::unique_ptr<GitSshConnection> connection;
  SshStream* stream = nullptr;  // libgit2's to free
};

struct SshStream {
  git_smart_subtransport_stream base{};
  SshSubtransport* owner = nullptr;
};

GitSshConnection& connection(git_smart_subtransport_stream* stream) {
  return *reinterpret_cast<SshStream*>(stream)->owner->connection;
}

int onRead(git_smart_subtransport_stream* stream, char* buffer, std::size_t size, std::size_t* got) {
  return connection(stream).read(buffer, size, *got);
}

int onWrite(git_smart_subtransport_stream* stream, const char* data, std::size_t size) {
  return connection(stream).write(data, size);
}

void onStreamFree(git_smart_subtransport_stream* raw) {
  auto* stream = reinterpret_cast<SshStream*>(raw);
  stream->owner->stream = nullptr;
  delete stream;
}

int onAction(git_smart_subtransport_stream** out, git_smart_subtransport* raw, const char* /*url*/,
             git_smart_service_t action) {
  auto& owner = *reinterpret_cast<SshSubtransport*>(raw);
  if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK) {
    return owner.call->fail({Code::Internal, "only fetching is supported"});
  }
  if (owner.stream != nullptr) {
    *out = &owner.stream->base;
    return 0;
  }
  if (!owner.connection) {
    owner.connection = std::make_unique<GitSshConnection>(*owner.call);
    if (owner.connection->open() != 0) {
      return -1;
    }
  }
  auto stream = std::make_unique<SshStream>();
  stream->base.subtransport = raw;
  stream->base.read = onRead;
  stream->base.write = onWrite;
  stream->base.free = onStreamFree;
  stream->owner = &owner;
  owner.stream = stream.release();
  *out = &owner.stream->base;
  return 0;
}

int onClose(git_smart_subtransport* raw) {
  reinterpret_cast<SshSubtransport*>(raw)->connection.reset();
  return 0;
}

void onFree(git_smart_subtransport* raw) { delete reinterpret_cast<SshSubtransport*>(raw); }

int newSubtransport(git_smart_subtransport** out, git_transport* /*owner*/, void* call) {
  auto transport = std::make_unique<SshSubtransport>();
  transport->base.action = onAction;
  transport->base.close = onClose;
  transport->base.free = onFree;
  transport->call = static_cast<GitCall*>(call);
  *out = &transport.release()->base;
  return 0;
}

}  // namespace

int newSshGitTransport(git_transport** out, git_remote* owner, void* call) {
  git_smart_subtransport_definition definition{newSubtransport, 0, call};
  return git_transport_smart(out, owner, &definition);
}

}  // namespace slipway::source
