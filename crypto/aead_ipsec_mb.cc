// Intel's multi-buffer library, with the code that it has for this CPU.
//
// Its ChaCha20-Poly1305 works on one message at a time, also where a burst is handed in. It
// decrypts in place whatever the tag, and only reports the tag that it computed.
#include <intel-ipsec-mb.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "crypto/aead_engines.h"
#include "crypto/aead_nonce.h"
#include "crypto/secret.h"

namespace noisegate::crypto {
namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

class IpsecMbEngine final : public AeadEngine {
 public:
  IpsecMbEngine(Manager manager, IMB_ARCH arch) : manager_(std::move(manager)), arch_(arch) {}

  std::string_view name() const override { return "ipsec_mb"; }
  std::string_view isa() const override {
    switch (arch_) {
      case IMB_ARCH_AVX512:
        return "avx512";
      case IMB_ARCH_AVX2:
        return "avx2";
      case IMB_ARCH_AVX:
        return "avx";
      default:
        return "sse";
    }
  }

  void Seal(std::span<AeadMessage> burst) override {
    ForEachChunk(burst, [this](std::span<AeadMessage> chunk) {
      Run(IMB_DIR_ENCRYPT, chunk, [](AeadMessage& message, size_t) { return message.tag(); });
    });
  }

  void Open(std::span<AeadMessage> burst) override {
    ForEachChunk(burst, [this](std::span<AeadMessage> chunk) { OpenChunk(chunk); });
  }

 private:
  static constexpr size_t kChunk = 64;
  static_assert(kChunk <= IMB_MAX_BURST_SIZE);

  template <typename F>
  static void ForEachChunk(std::span<AeadMessage> burst, F&& f) {
    while (!burst.empty()) {
      const size_t n = std::min(burst.size(), kChunk);
      f(burst.first(n));
      burst = burst.subspan(n);
    }
  }

  void OpenChunk(std::span<AeadMessage> chunk) {
    Run(IMB_DIR_DECRYPT, chunk, [this](AeadMessage&, size_t i) { return tags_[i].data(); });
    for (size_t i = 0; i < chunk.size(); ++i) {
      AeadMessage& message = chunk[i];
      message.ok = sodium_memcmp(tags_[i].data(), message.tag(), kAeadTagSize) == 0;
      if (!message.ok) Restore(message);
    }
  }

  // Sealing again what was wrongly opened gives back the ciphertext, as both add the same
  // keystream. The tag that stands behind it is left alone.
  void Restore(AeadMessage& message) {
    Run(IMB_DIR_ENCRYPT, std::span(&message, 1),
        [this](AeadMessage&, size_t i) { return tags_[i].data(); });
  }

  // Runs at most kChunk messages; tag_of(message, i) says where the i-th computed tag goes.
  template <typename TagOf>
  void Run(IMB_CIPHER_DIRECTION direction, std::span<AeadMessage> chunk, TagOf&& tag_of) {
    std::array<IMB_JOB*, kChunk> jobs;
    const uint32_t n = static_cast<uint32_t>(chunk.size());
    [[maybe_unused]] const uint32_t free = IMB_GET_NEXT_BURST(manager_.get(), n, jobs.data());
    assert(free == n);  // a burst is done when it is submitted, so none is ever left inside
    size_t padded = 0;
    for (size_t i = 0; i < n; ++i) {
      assert(chunk[i].aad_size <= chunk[i].aad.size());
      const uint8_t* key = chunk[i].key;
      if (IsNearPageEnd(key)) key = Pad(key, padded_keys_[padded++]);
      nonces_[i] = NonceOf(chunk[i]);
      Fill(*jobs[i], direction, chunk[i], key, nonces_[i], tag_of(chunk[i], i));
    }
    [[maybe_unused]] const uint32_t done = IMB_SUBMIT_BURST_NOCHECK(manager_.get(), n, jobs.data());
    assert(done == n);
    for (size_t i = 0; i < padded; ++i) padded_keys_[i].Wipe();
  }

  // The AVX2 code of ipsec-mb 1.3 loads 16 bytes more than a key has. They are not used, but must
  // not lie on a page that may not be read.
  static constexpr size_t kKeyLoadSize = kAeadKeySize + 16;
  static constexpr size_t kPageSize = 4096;

  static bool IsNearPageEnd(const uint8_t* key) {
    return reinterpret_cast<uintptr_t>(key) % kPageSize > kPageSize - kKeyLoadSize;
  }
  static const uint8_t* Pad(const uint8_t* key, Secret<kKeyLoadSize>& padded) {
    std::memcpy(padded.data(), key, kAeadKeySize);
    return padded.data();
  }

  static void Fill(IMB_JOB& job, IMB_CIPHER_DIRECTION direction, const AeadMessage& message,
                   const uint8_t* key, const AeadNonce& nonce, uint8_t* tag) {
    job.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job.cipher_direction = direction;
    job.chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job.enc_keys = key;
    job.dec_keys = key;
    job.key_len_in_bytes = kAeadKeySize;
    job.iv = nonce.data();
    job.iv_len_in_bytes = nonce.size();
    job.u.CHACHA20_POLY1305.aad = message.aad.data();
    job.u.CHACHA20_POLY1305.aad_len_in_bytes = message.aad_size;
    job.src = message.text;
    job.dst = message.text;
    job.cipher_start_src_offset_in_bytes = 0;
    job.msg_len_to_cipher_in_bytes = message.text_size;
    job.hash_start_src_offset_in_bytes = 0;
    job.msg_len_to_hash_in_bytes = message.text_size;
    job.auth_tag_output = tag;
    job.auth_tag_output_len_in_bytes = kAeadTagSize;
  }

  const Manager manager_;
  const IMB_ARCH arch_;
  std::array<Secret<kKeyLoadSize>, kChunk> padded_keys_;
  std::array<AeadNonce, kChunk> nonces_;
  std::array<std::array<uint8_t, kAeadTagSize>, kChunk> tags_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeIpsecMbEngine() {
  Manager manager(alloc_mb_mgr(0));
  if (manager == nullptr) return absl::ResourceExhaustedError("ipsec-mb: out of memory");
  IMB_ARCH arch = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager.get(), &arch);
  if (arch == IMB_ARCH_NONE || imb_get_errno(manager.get()) != 0) {
    return absl::InvalidArgumentError(
        "ipsec-mb has no code for this CPU; use the engine \"sodium\"");
  }
  return std::make_unique<IpsecMbEngine>(std::move(manager), arch);
}

}  // namespace noisegate::crypto
