/** A button stays focusable while its work is under way; pressing it again meanwhile does nothing. */
export function whileBusy(button: HTMLButtonElement, act: () => Promise<unknown>): void {
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  void act().finally(() => {
    button.removeAttribute('aria-busy');
  });
}
