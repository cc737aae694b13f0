// What js-libp2p's packages take for granted and Node.js 20 lacks.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new this((good, bad) => { resolve = good; reject = bad })
  return { promise, resolve, reject }
}
