// Registering or logging in on the page also sets the token of "Authorize".
window.onload = () => {
  const issuing = $issuing;
  const ui = SwaggerUIBundle({
    url: $document,
    dom_id: "#page",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    responseInterceptor: (answer) => {
      const path = new URL(answer.url, location.href).pathname;
      if (answer.ok && issuing.includes(path) && answer.body && answer.body.access_token) {
        ui.preauthorizeApiKey("login", answer.body.access_token);
      }
      return answer;
    },
  });
};
