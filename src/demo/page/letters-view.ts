import { byId, create } from './dom.js';
import { clock } from './format.js';
import type { DeadLetter } from './wire.js';

export type LetterAction = 'replay' | 'discard';

/** The changes that could not be applied, each with what can be done. */
export class LettersView {
  readonly #section = byId('dead-letters', HTMLElement);
  readonly #heading = byId('dead-letters-heading', HTMLHeadingElement);
  readonly #list = byId('letters', HTMLUListElement);
  readonly #onAction: (action: LetterAction, letter: DeadLetter) => void;
  #drawn = '';

  constructor(onAction: (action: LetterAction, letter: DeadLetter) => void) {
    this.#onAction = onAction;
  }

  get isEmpty(): boolean {
    return this.#list.childElementCount === 0;
  }

  show(letters: readonly DeadLetter[]): void {
    const drawn = JSON.stringify(letters);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const hadFocus = this.#section.contains(document.activeElement);
    this.#list.replaceChildren(...letters.map((letter) => this.#item(letter)));
    this.#section.hidden = letters.length === 0;
    if (!hadFocus) return;
    const next = letters.length > 0 ? this.#heading : byId('records-heading', HTMLElement);
    next.focus({ preventScroll: true });
  }

  #item(letter: DeadLetter): HTMLElement {
    const { at, reason, recordId, shown, change, isSuperseded } = letter;
    const time = create('time', '', clock(new Date(at)));
    time.dateTime = at;
    const head = create('p', 'letter-head', create('span', 'code', recordId ?? 'no record'), time);
    const raw = create('pre', 'raw code', change === null ? shown : JSON.stringify(change));
    raw.tabIndex = 0;
    raw.setAttribute('role', 'group');
    raw.setAttribute('aria-label', `The change of ${recordId ?? 'no record'} as it came`);
    const buttons = create(
      'div',
      'letter-actions',
      this.#button('replay', letter),
      this.#button('discard', letter),
    );
    const item = create('li', '', head, create('p', 'letter-reason', reason), raw);
    if (isSuperseded) item.append(create('p', 'letter-note', 'Something newer is applied to this record.'));
    item.append(buttons);
    return item;
  }

  #button(action: LetterAction, letter: DeadLetter): HTMLButtonElement {
    const word = action === 'replay' ? 'Replay' : 'Discard';
    const button = create('button', 'row-button', word);
    button.type = 'button';
    button.disabled = action === 'replay' && letter.isSuperseded;
    button.setAttribute('aria-label', `${word} the change of ${letter.recordId ?? 'no record'}`);
    button.addEventListener('click', () => {
      this.#onAction(action, letter);
    });
    return button;
  }
}
