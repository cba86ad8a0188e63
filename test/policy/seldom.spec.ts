import { describe, expect, test } from '@jest/globals';
import { Seldom } from '../../lib/policy/seldom.js';

describe('what is said seldom', () => {
  test('is said at once, then once in a while, with how many were held back; each kind by itself', () => {
    let now = 0;
    const seldom = new Seldom(10, () => now);
    const said: Array<[at: number, kind: string, heldBack: number]> = [];
    const say = (kind: string) => seldom.say(kind, (heldBack) => said.push([now, kind, heldBack]));
    for (now = 0; now < 25; now++) say('a');
    say('b');
    expect(said).toEqual([
      [0, 'a', 0],
      [10, 'a', 9],
      [20, 'a', 9],
      [25, 'b', 0],
    ]);
  });

  test('does not remember kinds without end', () => {
    const seldom = new Seldom(10, () => 0);
    let said = 0;
    for (let kind = 0; kind < 1_001; kind++) seldom.say(`${kind}`, () => said++);
    seldom.say('0', () => said++);
    expect(said).toBe(1_002);
  });
});
