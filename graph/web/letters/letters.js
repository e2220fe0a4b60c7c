// What the pages do that letters lead to: show the server the token of the link, when the reader
// says so. A program that only opens links, as mail scanners do, changes nothing.

const VERIFY = `
mutation VerifyEmail($input: VerifyEmailInput!) {
  verifyEmail(input: $input) {
    __typename
    ... on SessionStarted { viewer { user { email } allowance { banner } } }
    ... on InvalidInput { fields { rule message } }
    ... on RateLimited { message }
    ... on ServiceUnavailable { retryAfterSeconds }
  }
}`;

const RESET = `
mutation ResetPassword($input: ResetPasswordInput!) {
  resetPassword(input: $input) {
    __typename
    ... on InvalidInput { fields { rule message } }
    ... on RateLimited { message }
    ... on ServiceUnavailable { retryAfterSeconds }
  }
}`;

const CHANGES = {
  verifyEmail: {
    query: VERIFY,
    input: (token) => ({ proof: { token } }),
    done: ({ viewer }) =>
      [`Your account is made, and you are logged in here as ${viewer.user.email}.`,
        viewer.allowance?.banner ?? ""].join(" ").trim(),
  },
  resetPassword: {
    query: RESET,
    input: (token) => ({ token, newPassword: password.value }),
    done: () => "Your password is set. You are logged out everywhere: log in with the new one.",
  },
};

const form = document.querySelector("form");
const button = form.querySelector("button");
const password = document.querySelector("#password");
const told = document.querySelector("#told");
const change = form.dataset.change;
let token = null;

// The token leaves the address at once, so that it is in no history and no screenshot.
function take() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (found) token = found;
  form.hidden = token === null;
  told.textContent = token === null ? "Open the link of the letter again: its token is missing." : "";
}

async function ask({ query, input }) {
  // Of another mode than the usual "cors", browsers would send "Origin: null".
  const response = await fetch("graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ query, variables: { input: input(token) } }),
  });
  return (await response.json()).data?.[change];
}

// {text, isOver, isFaulty}: what happened in words, whether the link can be of no more use, and
// whether what was entered is at fault.
function outcome(answer) {
  switch (answer?.__typename) {
    case "InvalidInput":
      return {
        text: answer.fields.map(({ message }) => message).join(" "),
        isOver: answer.fields.some(({ rule }) => rule === "PROOF"),
        isFaulty: true,
      };
    case "RateLimited":
      return { text: answer.message };
    case "ServiceUnavailable":
      return { text: `A part of the service is away. Try again in ${answer.retryAfterSeconds} s.` };
    case "SessionStarted":
    case "PasswordSet":
      return { text: CHANGES[change].done(answer), isOver: true };
    default:
      return { text: "The server could not do this. Try again in a moment." };
  }
}

function show({ text, isOver = false, isFaulty = false }) {
  told.textContent = text;
  if (isOver) token = null;
  form.hidden = isOver;
  password?.setAttribute("aria-invalid", String(isFaulty));
  (isOver ? told : password ?? button).focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  told.textContent = "One moment …";
  const found = await ask(CHANGES[change]).then(outcome, () => ({
    text: "The server did not answer. Try again in a moment.",
  }));
  button.disabled = false;
  show(found);
});
addEventListener("hashchange", take);
take();
