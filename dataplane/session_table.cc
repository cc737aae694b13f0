#include "dataplane/session_table.h"

#include <rte_malloc.h>
#include <sodium.h>

#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"

namespace noisegate::dataplane {
namespace {

template <typename T>
T* AllocateArray(size_t n) {
  return static_cast<T*>(rte_zmalloc("ng_sessions", n * sizeof(T), RTE_CACHE_LINE_SIZE));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SessionTable>> SessionTable::Create(const Options& options,
                                                                   GracePeriods* grace_periods) {
  if (options.workers == 0 || options.workers > kMaxWorkers) {
    return absl::InvalidArgumentError(
        absl::StrCat("workers: ", options.workers, " is not in 1 … ", kMaxWorkers));
  }
  std::unique_ptr<SessionTable> table(new SessionTable(options, grace_periods));
  if (absl::Status status = table->Allocate(); !status.ok()) return status;
  return table;
}

SessionTable::SessionTable(const Options& options, GracePeriods* grace_periods)
    : options_(options), grace_periods_(grace_periods) {}

SessionTable::~SessionTable() {
  if (pool_ != nullptr) sodium_memzero(pool_, sizeof(Session) * size_t{options_.max_sessions});
  rte_free(pool_);
  for (PeerSending* sending : sending_) rte_free(sending);
}

absl::Status SessionTable::Allocate() {
  pool_ = AllocateArray<Session>(options_.max_sessions);
  if (pool_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("max_sessions: no memory for ", options_.max_sessions, " sessions (",
                     options_.max_sessions * sizeof(Session) / 1024 / 1024, " MiB)"));
  }
  for (SessionIndex i = options_.max_sessions; i-- > 0;) {
    new (&pool_[i]) Session;
    free_.push_back(i);
  }
  for (uint16_t w = 0; w < options_.workers; ++w) {
    absl::StatusOr<std::unique_ptr<LookupTable>> receiving = LookupTable::Create(
        absl::StrCat(options_.unique, "_rx", w), options_.max_sessions, grace_periods_->readers());
    if (!receiving.ok()) return receiving.status();
    receiving_.push_back(std::move(*receiving));
    sending_.push_back(AllocateArray<PeerSending>(options_.max_peers));
    if (sending_.back() == nullptr) {
      return absl::ResourceExhaustedError(
          absl::StrCat("max_peers: no memory for ", options_.max_peers, " peers"));
    }
  }
  workers_of_ = std::make_unique<std::atomic<uint64_t>[]>(options_.max_peers);
  of_peer_.resize(size_t{options_.workers} * options_.max_peers);
  return absl::OkStatus();
}

absl::StatusOr<SessionRef> SessionTable::Publish(const SessionParams& params, const Port& port,
                                                 const TscClock& clock) {
  if (params.worker >= options_.workers || params.peer >= options_.max_peers) {
    return absl::InvalidArgumentError("session: worker or peer out of range");
  }
  if (params.local_address.is_v4() != params.remote.address.is_v4()) {
    return absl::InvalidArgumentError(absl::StrCat("session: ", params.local_address.ToString(),
                                                   " cannot send to ", params.remote.ToString()));
  }
  if (free_.empty()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("max_sessions: all ", options_.max_sessions, " are in use"));
  }
  Session* session = &pool_[free_.back()];
  free_.pop_back();
  FillIn(session, params, port, clock);
  if (absl::Status status = Link(session); !status.ok()) {
    Free(session);
    return status;
  }
  session->live.store(1, std::memory_order_release);  // pairs with FindForWorker()
  ChooseSending(params.worker, params.peer);
  return RefOf(*session);
}

void SessionTable::FillIn(Session* session, const SessionParams& params, const Port& port,
                          const TscClock& clock) const {
  session->peer = params.peer;
  session->worker = params.worker;
  session->port = params.port;
  session->next_hop = params.next_hop;
  session->receive_until = clock.ToTsc(params.receive_until);
  session->send_until = clock.ToTsc(params.send_until);
  session->awaits_confirmation = params.confirmed ? 0 : 1;
  session->confirmed.Set(params.confirmed ? 1 : 0);
  session->next_counter.Set(kCounterFirstMessage);
  session->send_direction = SendDirection(params.role);
  session->key = SessionKey(AddressWords::Of(params.remote.address), params.remote.port,
                            ReceiveDirection(params.role));
  std::memcpy(session->receive_key, params.receive_key.data(), sizeof(session->receive_key));
  std::memcpy(session->send_key, params.send_key.data(), sizeof(session->send_key));
  const bool v6 = !params.remote.address.is_v4();
  session->max_inner = MaxInnerSize(params.path_mtu, v6);
  session->udp_checksum = !v6                           ? UdpChecksum::kNone
                          : port.udp_checksum_offload() ? UdpChecksum::kDevice
                                                        : UdpChecksum::kFull;
  session->header = BuildHeaderTemplate(
      {.source_mac = port.mac(),
       .destination_mac = {},  // the worker's, from the neighbour table
       .vlan = port.vlan(),
       .local_address = params.local_address,
       .local_port = static_cast<uint16_t>(options_.listen_port + params.worker),
       .remote = params.remote});
}

absl::Status SessionTable::Link(Session* session) {
  LookupTable& receiving = *receiving_[session->worker];
  Session* current = static_cast<Session*>(receiving.Find(session->key));
  if (current != nullptr) {
    if (Session* oldest = current->previous.load(std::memory_order_relaxed); oldest != nullptr) {
      Unlink(oldest);
    }
    session->previous.store(current, std::memory_order_release);
  }
  if (absl::Status status = receiving.Put(session->key, session); !status.ok()) return status;
  Session*& first = FirstOfPeer(session->worker, session->peer);
  session->next_of_peer = first;
  first = session;
  return absl::OkStatus();
}

// Make dead: takes `session` out of every table and defers the rest.
void SessionTable::Unlink(Session* session) {
  LookupTable& receiving = *receiving_[session->worker];
  Session* current = static_cast<Session*>(receiving.Find(session->key));
  Session* previous = session->previous.load(std::memory_order_relaxed);
  if (current != session) {
    // It is the previous one of the current one.
    current->previous.store(nullptr, std::memory_order_release);
  } else if (previous == nullptr) {
    receiving.Erase(session->key);
  } else {
    receiving.Put(session->key, previous).IgnoreError();  // a key that is there needs no room
  }
  Session** link = &FirstOfPeer(session->worker, session->peer);
  while (*link != session) link = &(*link)->next_of_peer;
  *link = session->next_of_peer;
  session->live.store(0, std::memory_order_release);
  ChooseSending(session->worker, session->peer);
  grace_periods_->Defer([this, session] { Free(session); });
}

// Free: nobody holds it any more.
void SessionTable::Free(Session* session) {
  const uint32_t generation = session->generation.load(std::memory_order_relaxed);
  sodium_memzero(static_cast<void*>(session), sizeof(*session));
  new (session) Session;
  session->generation.store(generation + 1, std::memory_order_relaxed);
  free_.push_back(static_cast<SessionIndex>(session - pool_));
}

absl::Status SessionTable::Retire(SessionRef ref) {
  if (Find(ref) == nullptr) return absl::NotFoundError("session: retired already");
  Unlink(&pool_[ref.index]);
  return absl::OkStatus();
}

absl::Status SessionTable::HoldSending(SessionRef ref, bool hold) {
  Session* session = FindForWorker(ref);
  if (session == nullptr) return absl::NotFoundError("session: retired already");
  session->held = hold;
  ChooseSending(session->worker, session->peer);
  return absl::OkStatus();
}

void SessionTable::HandleConfirmed(SessionRef ref) {
  const Session* session = Find(ref);
  if (session != nullptr) ChooseSending(session->worker, session->peer);
}

const Session* SessionTable::Find(SessionRef ref) const { return FindForWorker(ref); }

Session* SessionTable::FindForWorker(SessionRef ref) const {
  if (ref.index >= options_.max_sessions) return nullptr;
  Session* session = &pool_[ref.index];
  // Pairs with Publish() and Unlink(): while it is live, its generation stays.
  if (session->live.load(std::memory_order_acquire) == 0) return nullptr;
  return session->generation.load(std::memory_order_relaxed) == ref.generation ? session : nullptr;
}

// The newest session sends as soon as it is confirmed; until then the newest confirmed one does.
void SessionTable::ChooseSending(WorkerIndex worker, PeerIndex peer) {
  Session* newest = FirstOfPeer(worker, peer);
  while (newest != nullptr && newest->held) newest = newest->next_of_peer;
  Session* older = newest == nullptr ? nullptr : newest->next_of_peer;
  while (older != nullptr && (older->held || older->confirmed.Get() == 0)) {
    older = older->next_of_peer;
  }
  PeerSending& sending = sending_[worker][peer];
  // Pairs with the worker's acquire: it sees the session's fields.
  sending.newest.store(newest, std::memory_order_release);
  sending.older.store(older, std::memory_order_release);

  const uint64_t bit = uint64_t{1} << worker;
  const bool usable = older != nullptr || (newest != nullptr && newest->confirmed.Get() != 0);
  const uint64_t workers = workers_of_[peer].load(std::memory_order_relaxed);
  workers_of_[peer].store(usable ? workers | bit : workers & ~bit, std::memory_order_relaxed);
}

}  // namespace noisegate::dataplane
