// The client of the public API: submits, watches, fetches and removes a job. A refusal throws Refused with its problem.
"use strict";

class Refused extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

class Api {
  token = "";

  async fetch(path, options = {}) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    let answer;
    try {
      answer = await fetch(path, { ...options, headers });
    } catch {
      throw new Refused({ title: "The service does not answer", detail: "Check the connection and try again." });
    }
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({ title: `HTTP ${answer.status}`, detail: answer.statusText }));
    throw new Refused({ status: answer.status, ...problem });
  }

  /** What can be asked for, as the API's own document says. */
  async description() {
    const document = await (await this.fetch("/openapi.json")).json();
    const parts = document.components.schemas.Evaluation.properties;
    const algorithms = parts.algorithms.items.enum.filter((name) => name !== "all");
    return { parts, algorithms, needsToken: document.security.length > 0 };
  }

  async submit(form) {
    return (await this.fetch("/api/v1/evaluate", { method: "POST", body: form })).json();
  }

  async job(id) {
    return (await this.fetch(`/api/v1/evaluate/${id}`)).json();
  }

  async report(id, name) {
    return (await this.fetch(`/api/v1/evaluate/${id}/reports/${name}`)).blob();
  }

  async remove(id) {
    await this.fetch(`/api/v1/evaluate/${id}`, { method: "DELETE" });
  }

  /** Tell each state of a job until it has ended; the ended job, or null where `signal` ended the watch. */
  async watch(id, tell, signal) {
    const hasEnded = ({ status }) => status === "completed" || status === "failed";
    for (;;) {
      await this.follow(id, tell, signal);
      if (signal.aborted) return null;
      const job = await this.job(id); // with its result; or the connection broke and the job continues
      if (hasEnded(job)) return job;
      tell(job);
      await new Promise((done) => { setTimeout(done, 1000); });
    }
  }

  /** The job's states over a WebSocket, until that closes. */
  follow(id, tell, signal) {
    const address = new URL(`/ws/${id}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    return new Promise((done) => {
      const socket = new WebSocket(address, ["nedc-bench", ...(this.token ? [`bearer.${this.token}`] : [])]);
      socket.addEventListener("message", ({ data }) => {
        const { job } = JSON.parse(data);
        if (job) tell(job);
      });
      socket.addEventListener("close", done);
      signal.addEventListener("abort", () => { done(); socket.close(); });
    });
  }
}
