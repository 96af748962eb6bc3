import { expect, test } from 'vitest'
import { shownAddress } from '../../src/store/address.ts'

test.each([
  ['https://cdn.example/skills', 'https://cdn.example/skills'],
  ['https://user:secret@cdn.example/skills?token=hidden', 'https://cdn.example/skills'],
  ['https://cdn.example/skills?X-Amz-Signature=hidden', 'https://cdn.example/skills'],
  [
    's3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=x',
    's3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=x',
  ],
  ['file:///mnt/nas/skills', 'file:///mnt/nas/skills'],
])('%s is shown as %s', (address, shown) => {
  expect(shownAddress(address)).toBe(shown)
})
