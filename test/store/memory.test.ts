import { MemoryStore } from '../support/memory-store.ts'
import { describeStoreContract } from './contract.ts'

describeStoreContract('a store in memory', async () => {
  let clock = Date.now()
  const store = new MemoryStore({ now: () => clock })
  return {
    store,
    another: async () => store,
    tenSecondsPass() {
      clock += 10_000
    },
    close: () => store.close(),
  }
})
