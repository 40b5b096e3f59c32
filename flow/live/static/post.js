// How the page asks for a change. The token shows that the request comes from the page.

const token = document.querySelector('meta[name="weir-token"]').content;

/** Sends an order and returns the answer, which has error if it was refused. */
export async function post(to, body) {
  try {
    const r = await fetch(to, {
      method: "POST", credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-Weir-Token": token }, body: JSON.stringify(body),
    });
    const answer = await r.json().catch(() => ({}));
    return r.ok ? answer : { error: answer.error || "refused with status " + r.status };
  } catch {
    return { error: "the server does not answer" };
  }
}
