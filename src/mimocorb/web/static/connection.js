// The socket to the gateway, and requests to it. The token came behind the # of the link: it is kept
// for this tab, and shown nowhere.

const KEPT = "mimocorb token";

export function takeToken() {
  // What a letter or a chat has put around the link is no part of it.
  const [given] = location.hash.slice(1).match(/\w+/) ?? [];
  if (given) {
    sessionStorage.setItem(KEPT, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEPT) ?? "";
}

export class Connection {
  // handlers: open(), closed(), message(kind, content), frame(buffer)
  constructor(token, handlers) {
    this.token = token;
    this.handlers = handlers;
    this.wait = 300;
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/socket`, ["mimocorb", `token.${this.token}`]);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      this.wait = 300;
      this.handlers.open();
    });
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") {
        const { type, content } = JSON.parse(data);
        this.handlers.message(type, content);
      } else this.handlers.frame(data);
    });
    socket.addEventListener("close", () => {
      this.handlers.closed();
      setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(5000, this.wait * 1.6);
    });
    this.socket = socket;
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  async ask(path, { method = "GET", body } = {}) {
    let answer;
    try {
      answer = await fetch(path, { method, body: body && JSON.stringify(body), headers: { authorization: `Bearer ${this.token}` } });
    } catch {
      throw new Error("the page does not reach its gateway");
    }
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      const error = new Error(said.error ?? `${answer.status} ${answer.statusText}`);
      throw Object.assign(error, { status: answer.status });
    }
    return answer;
  }

  async json(path, options) { return (await this.ask(path, options)).json(); }

  async frame(buffer, counter) {
    const path = `/api/buffers/${encodeURIComponent(buffer)}/frame?counter=${Math.trunc(counter)}`;
    return (await this.ask(path)).arrayBuffer();
  }
}
